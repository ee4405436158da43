package warehouse

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what the store's requests come to.
type Metrics struct {
	commits *prometheus.CounterVec
}

// outcome of one request that should create an object.
type outcome string

const (
	done    outcome = "done"    // created, and durable
	refused outcome = "refused" // somebody, ourselves perhaps, created it before
	unknown outcome = "unknown" // created or not: only the same request again can tell
)

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{commits: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "callevents_commit_requests_total",
		Help: "PutObject requests for links, by outcome: done, refused (the link was there), unknown (sent again).",
	}, []string{"outcome"})}
	reg.MustRegister(m.commits)
	for _, o := range []outcome{done, refused, unknown} {
		m.commits.WithLabelValues(string(o))
	}
	return m
}
