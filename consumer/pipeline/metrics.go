package pipeline

import (
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/transform"
)

// Metrics of all shards of a worker.
type Metrics struct {
	records   prometheus.Counter
	committed prometheus.Counter
	rejected  *prometheus.CounterVec
	bytes     prometheus.Counter
	objects   prometheus.Counter
	adopted   prometheus.Counter
	copies    prometheus.Counter
	elsewhere prometheus.Counter
	forgotten prometheus.Counter
	latency   prometheus.Histogram
	flushes   *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, label, help string, values ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "callevents_" + name, Help: help}, []string{label})
		reg.MustRegister(c)
		for _, v := range values {
			c.WithLabelValues(v)
		}
		return c
	}
	var reasons []string
	for _, r := range transform.Reasons() {
		reasons = append(reasons, string(r))
	}
	m := &Metrics{
		records:   counter("records_in_total", "User records taken from the stream, those that are read again included."),
		committed: counter("records_committed_total", "Lines in the links that this worker committed."),
		rejected: counters("records_rejected_total", "reason",
			"Dead letters that this worker stored, by reason: those of its links, and those it restored.", reasons...),
		bytes:   counter("object_bytes_total", "Size of the links that this worker committed, as stored."),
		objects: counter("objects_total", "Links that this worker committed."),
		adopted: counter("adopted_links_total", "Links of other writers, found where this worker was about to commit."),
		copies:  counter("copies_dropped_total", "Copies of settled events that the producer sent again, in the links that this worker committed."),
		elsewhere: counter("identities_elsewhere_total",
			"Records whose lane is not of their shard, as on a stream that distributes records itself: their copies are stored."),
		forgotten: counter("lanes_forgotten_total",
			"Lanes of producers of which a link of this worker has no room to remember everything: copies of their events may be stored."),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "callevents_commit_seconds",
			Help:    "Time from the end of a batch until its link and its dead letters were stored, attempts included.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}),
		flushes: counters("flushes_total", "cause", "Links that this worker committed, by what ended the batch.",
			string(causeAge), string(causeBytes), string(causeRecords), string(causeDay), string(causeDrain)),
	}
	reg.MustRegister(m.latency)
	return m
}
