// Package httpserver serves metrics, probes and pages of a program, for people and machines on its own network. There
// is no authentication: an address without a host listens on the loopback interface only.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
)

// Deadlines of a request, of a connection without one, and of the end: answers that are under way when Serve is told
// to stop.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	stopTimeout   = time.Second
)

// Listen opens address, host:port or :port for the loopback interface. To be seen from other machines, name an
// address of theirs: 0.0.0.0:9090.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("HTTP address %q: want host:port or :port", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	return listener, nil
}

// Serve answers on listener until ctx ends, and then for a second at most to finish what is under way. It closes the
// listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
	}
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	err := server.Serve(listener)
	if !cancel() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP: %w", err)
}

// Metrics answers with what metrics gathers, for Prometheus. What cannot be gathered goes to log.
func Metrics(metrics prometheus.Gatherer, log logrus.FieldLogger) http.Handler {
	return promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorLog: log.WithField("path", "/metrics")})
}

// Probe answers 200 if check returns nil, and 503 with its reason otherwise. check must answer at once and is called
// concurrently.
func Probe(check func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}
