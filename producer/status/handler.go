package status

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/httpserver"
)

// unhealthyAfter is the age of the oldest unsent record at which /healthz fails.
const unhealthyAfter = 30 * time.Second

// Handler serves /metrics and /healthz. report must be safe for concurrent use.
func Handler(metrics prometheus.Gatherer, report func() Report, log logrus.FieldLogger) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", httpserver.Metrics(metrics, log))
	routes.Handle("GET /healthz", httpserver.Probe(func() error {
		if oldest := report().Put.Oldest; oldest > unhealthyAfter {
			return fmt.Errorf("the oldest unsent record has waited for %s", oldest.Round(time.Second))
		}
		return nil
	}))
	return routes
}
