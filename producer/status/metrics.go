package status

import (
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/producer/put"
)

// metric is one figure of a report that does not depend on a shard.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Report) float64
}

// Metrics exposes a report as Prometheus metrics.
type Metrics struct {
	report  func() Report
	metrics []metric
	shards  *prometheus.Desc
	blocked *prometheus.Desc
}

// NewMetrics registers the metrics, all named callevents_producer_*. report must be safe for concurrent use. The labels
// are shard_id, with one value for each shard that the stream has had during the run, and reason, with one for each of
// [put.Reasons].
func NewMetrics(reg prometheus.Registerer, report func() Report) (*Metrics, error) {
	name := func(n string) string { return "callevents_producer_" + n }
	counter := func(n, help string, value func(Report) uint64) metric {
		return metric{prometheus.NewDesc(name(n), help, nil, nil), prometheus.CounterValue, func(r Report) float64 { return float64(value(r)) }}
	}
	gauge := func(n, help string, value func(Report) float64) metric {
		return metric{prometheus.NewDesc(name(n), help, nil, nil), prometheus.GaugeValue, value}
	}
	m := &Metrics{report: report,
		shards:  prometheus.NewDesc(name("shard_records_total"), "Records acknowledged, by the shard they are in.", []string{"shard_id"}, nil),
		blocked: prometheus.NewDesc(name("blocked"), "1 while records are not put, by the reason.", []string{"reason"}, nil),
		metrics: []metric{
			counter("records_total", "Records acknowledged.", func(r Report) uint64 { return r.Put.Records }),
			counter("bytes_total", "Bytes of acknowledged records.", func(r Report) uint64 { return r.Put.Bytes }),
			counter("calls_total", "PutRecords and PutRecord calls made.", func(r Report) uint64 { return r.Put.Calls }),
			counter("failed_calls_total", "Calls that failed as a whole.", func(r Report) uint64 { return r.Put.FailedCalls }),
			counter("resent_total", "Times that a record was sent again.", func(r Report) uint64 { return r.Put.Resent }),
			counter("throttled_total", "Times that a record was refused because of a throughput limit.", func(r Report) uint64 { return r.Put.Throttled }),
			counter("possible_duplicates_total", "Records that had an attempt with unknown outcome.", func(r Report) uint64 { return r.Put.PossibleDuplicates }),
			counter("spilled_total", "Records given up and written to the spill file.", func(r Report) uint64 { return r.Put.Spilled }),
			counter("lost_total", "Records given up, and the spill file could not be written.", func(r Report) uint64 { return r.Put.Lost }),
			counter("rejected_total", "Input lines that were no events, and events that the stream does not take.", func(r Report) uint64 { return r.Rejected }),
			counter("late_total", "Records more than a second late, because of a stall.", func(r Report) uint64 { return r.Pace.Late }),
			counter("skipped_total", "Records skipped because of a stall.", func(r Report) uint64 { return r.Pace.Skipped }),
			gauge("unsent", "Records neither acknowledged nor spilled.", func(r Report) float64 { return float64(r.Put.Unsent) }),
			gauge("in_flight", "Records in a call.", func(r Report) float64 { return float64(r.Put.InFlight) }),
			gauge("oldest_unsent_seconds", "Age of the oldest unsent record.", func(r Report) float64 { return r.Put.Oldest.Seconds() }),
		}}
	return m, reg.Register(m)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, one := range m.metrics {
		out <- one.desc
	}
	out <- m.shards
	out <- m.blocked
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	r := m.report()
	for _, one := range m.metrics {
		out <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value(r))
	}
	is := r.Standstill().Reason
	for _, reason := range put.Reasons() {
		value := 0.0
		if reason == is {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(m.blocked, prometheus.GaugeValue, value, string(reason))
	}
	for id, records := range r.Put.PerShard {
		out <- prometheus.MustNewConstMetric(m.shards, prometheus.CounterValue, float64(records), id)
	}
}
