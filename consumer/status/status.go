// Package status is the consumer's window for people and machines, on the address given with --http:
//
//	/         the status page: who this worker is, its shards, how far behind it is, its newest objects
//	/metrics  Prometheus
//	/healthz  200 while the process does its work; 503 with the reason if a loop has stopped: restart it
//	/readyz   200 once the worker takes part; 503 with what it still waits for: leave it alone
//
// It only shows. It owns no state, changes nothing and never calls AWS, so asking often costs nothing.
package status

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/httpserver"
)

// Source is what the consumer knows about itself. Every method is safe for concurrent use and answers from memory, at
// once.
type Source interface {
	// Healthy returns nil while every loop turns. Otherwise the error says which one has stopped, and since when.
	Healthy() error
	// Ready returns nil once the preflight passed, the lease table was read and the shards were listed. Otherwise the
	// error says what is missing.
	Ready() error
	// Worker is the state right now, its shards in the order in which they are to be shown.
	Worker() Worker
}

// Worker is what the status page shows.
type Worker struct {
	ID          string
	Application string
	Stream      string
	Started     time.Time
	Leases      []Lease  // those held
	Objects     []Object // the newest commits, newest first
}

// Lease is one lease held, and how far its shard is read.
type Lease struct {
	ShardID      string
	LeaseCounter int64
	Checkpoint   string        // sequence number, SHARD_END, or empty before the first
	Behind       time.Duration // of the last page, and the time since it was asked for
	Records      uint64        // read since the lease was acquired
	Uncommitted  time.Duration // age of the oldest record that was read and is not in an object; 0: there is none
	Blocked      string        // why the shard stands still, since when and what to do; empty: it does not
}

// Object is one committed link.
type Object struct {
	Key       string
	Committed time.Time
	Records   int
	Bytes     int
}

// Handler answers the requests named above. It is safe for concurrent use.
func Handler(source Source, metrics prometheus.Gatherer, log logrus.FieldLogger) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", httpserver.Metrics(metrics, log))
	routes.Handle("GET /healthz", httpserver.Probe(source.Healthy))
	routes.Handle("GET /readyz", httpserver.Probe(source.Ready))
	routes.HandleFunc("GET /{$}", statusPage(source, log))
	return routes
}
