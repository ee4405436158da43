package httpserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/callevents/shared/httpserver"
)

func TestAskTellsHealthyFromNot(t *testing.T) {
	listener, err := httpserver.Listen("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	var sick error
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", httpserver.Probe(func() error { return sick }))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- httpserver.Serve(ctx, listener, mux) }()

	_, port, _ := net.SplitHostPort(listener.Addr().String())
	addresses := []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port}
	for _, address := range addresses {
		if err := httpserver.Ask(t.Context(), address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	sick = errors.New("the loop stands since 12:00:09")
	if err := httpserver.Ask(t.Context(), addresses[0]); err == nil || !strings.Contains(err.Error(), "the loop stands since 12:00:09") {
		t.Errorf("a sick program: %v", err)
	}
	stop()
	<-ended
	if err := httpserver.Ask(t.Context(), addresses[0]); err == nil {
		t.Error("nobody serves, and that is healthy")
	}
	if err := httpserver.Ask(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "host:port") {
		t.Errorf("no address: %v", err)
	}
}
