package status

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/httpserver"
)

var errStarting = errors.New("starting: the stream is not ready yet, the log says what is waited for")

// Handler serves the status page, /api/state, /metrics and two probes. /healthz is about our own loops: it fails while one of
// them stands still, and never because of AWS. /readyz fails during the start, and while records are not put. stuck must not
// block, and must be safe for concurrent use.
func Handler(metrics prometheus.Gatherer, stuck func() error, window *Window, log logrus.FieldLogger) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", httpserver.Metrics(metrics, log))
	routes.Handle("GET /healthz", httpserver.Probe(stuck))
	routes.Handle("GET /readyz", httpserver.Probe(func() error { return ready(window.report()) }))
	window.show(routes, log)
	return routes
}

func ready(r Report) error {
	if r.Starting {
		return errStarting
	}
	if is := r.Standstill(); is.Reason != "" {
		return fmt.Errorf("records are not put: %s for %s: %s", is.Reason, is.For.Round(time.Second), is.Error)
	}
	return nil
}
