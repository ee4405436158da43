package warehouse

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what the store's requests come to.
type Metrics struct {
	commits *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{commits: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "callevents_commit_requests_total",
		Help: "PutObject requests for links, by outcome: done, refused (the link was there), unknown (sent again).",
	}, []string{"outcome"})}
	reg.MustRegister(m.commits)
	for _, o := range []Outcome{Done, Refused, Unknown} {
		m.commits.WithLabelValues(string(o))
	}
	return m
}
