package httpserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/httpserver"
)

func TestAddressWithoutHostIsLoopback(t *testing.T) {
	listener, err := httpserver.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ip := listener.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		t.Fatalf("listens on %v", ip)
	}
	for _, address := range []string{"", "9090", "localhost", "127.0.0.1:notaport", listener.Addr().String()} {
		if l, err := httpserver.Listen(address); err == nil {
			l.Close()
			t.Errorf("Listen(%q) succeeded", address)
		}
	}
	if _, err := httpserver.Listen("9090"); err == nil || !strings.Contains(err.Error(), "host:port") {
		t.Fatalf("an address without a colon: %v", err)
	}
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	listener, err := httpserver.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := httpserver.Serve(t.Context(), listener, http.NotFoundHandler()); err == nil {
		t.Error("a closed listener is no error")
	}
}

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	listener, err := httpserver.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ok", httpserver.Probe(func() error { return nil }))
	mux.Handle("/bad", httpserver.Probe(func() error { return errors.New("the loop stands") }))
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A."}))
	mux.Handle("/metrics", httpserver.Metrics(registry, logrus.New()))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- httpserver.Serve(ctx, listener, mux) }()

	at := "http://" + listener.Addr().String()
	for path, want := range map[string]struct {
		status int
		text   string
	}{"/ok": {200, "ok"}, "/bad": {503, "the loop stands"}, "/metrics": {200, "a_total 0"}} {
		resp, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want.status || !strings.Contains(string(body), want.text) {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(at + "/ok"); err == nil {
		t.Fatal("still answers")
	}
}
