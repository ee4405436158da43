package status_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/status"
	"example.com/callevents/shared/httpserver"
)

type source struct {
	healthy, ready error
	view           fleet.View
}

func (s source) Healthy() error                  { return s.healthy }
func (s source) Ready() error                    { return s.ready }
func (s source) View(context.Context) fleet.View { return s.view }

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// start runs a server on a free port and returns its URL. At the end of the test it has stopped without a trace.
func start(t *testing.T, s status.Source, metrics prometheus.Gatherer) string {
	t.Helper()
	before := goleak.IgnoreCurrent()
	listener, err := httpserver.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, listener, status.Handler(s, metrics, quiet())) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
	return "http://" + listener.Addr().String()
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestProbesSayWhatIsWrong(t *testing.T) {
	good := start(t, source{}, prometheus.NewRegistry())
	bad := start(t, source{healthy: errors.New("lease sync has stopped"), ready: errors.New("preflight not passed")}, prometheus.NewRegistry())
	for _, tc := range []struct {
		url  string
		code int
		body string
	}{
		{good + "/healthz", 200, "ok\n"},
		{good + "/readyz", 200, "ok\n"},
		{bad + "/healthz", 503, "lease sync has stopped\n"},
		{bad + "/readyz", 503, "preflight not passed\n"},
		{good + "/nothing", 404, "404 page not found\n"},
	} {
		if code, body := get(t, tc.url); code != tc.code || body != tc.body {
			t.Errorf("%s: %d %q, want %d %q", tc.url, code, body, tc.code, tc.body)
		}
	}
}

func TestMetricsOfTheGivenRegistry(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "records_total", Help: "Records."})
	registry.MustRegister(counter)
	counter.Add(42)
	code, body := get(t, start(t, source{}, registry)+"/metrics")
	if code != 200 || !strings.Contains(body, "\nrecords_total 42\n") || strings.Contains(body, "go_goroutines") {
		t.Errorf("%d %s", code, body)
	}
}
