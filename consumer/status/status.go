// Package status is the consumer's window for people and machines, on the address given with --http:
//
//	/           the status page: the whole application, its shards and workers, as this instance sees them
//	/api/state  the same as JSON: a [fleet.View]
//	/metrics    Prometheus, of this instance
//	/healthz    200 while the process does its work; 503 with the reason if a loop has stopped: restart it
//	/readyz     200 once the worker takes part; 503 with what it still waits for: leave it alone
//
// It only shows. It owns no state and changes nothing. The page and /api/state may make the lease table be read, each two
// seconds at the most, and so only while somebody looks. Everything else answers from memory.
package status

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/shared/httpserver"
	"example.com/callevents/shared/statuspage"
)

// Source is what the consumer knows. Every method is safe for concurrent use.
type Source interface {
	// Healthy returns nil while every loop turns. Otherwise the error says which one has stopped, and since when. It
	// answers from memory, at once.
	Healthy() error
	// Ready returns nil once the preflight passed, the lease table was read and the shards were listed. Otherwise the
	// error says what is missing. It answers from memory, at once.
	Ready() error
	// View is the application right now. It may read the lease table, and has a deadline for that.
	View(ctx context.Context) fleet.View
}

// Handler answers the requests named above. It is safe for concurrent use.
func Handler(source Source, metrics prometheus.Gatherer, log logrus.FieldLogger) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", httpserver.Metrics(metrics, log))
	routes.Handle("GET /healthz", httpserver.Probe(source.Healthy))
	routes.Handle("GET /readyz", httpserver.Probe(source.Ready))
	routes.HandleFunc("GET /api/state", statuspage.JSON(func(r *http.Request) any { return source.View(r.Context()) }, log))
	routes.HandleFunc("GET /{$}", statuspage.Page(template(), func(r *http.Request) any {
		return newPage(source.View(r.Context()), r.URL.Query().Has("all"))
	}, log))
	statuspage.Files(routes)
	return routes
}
