package kcl

import "github.com/prometheus/client_golang/prometheus"

// Metrics of reading from Kinesis. The shard label has one value for every shard that the worker holds.
type Metrics struct {
	behind       *prometheus.GaugeVec
	records      prometheus.Counter
	bytes        prometheus.Counter
	pages        prometheus.Counter
	readFailures prometheus.Counter
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "callevents_millis_behind_latest",
			Help: "How far behind the tip of the shard the last page was, in milliseconds."}, []string{"shard"}),
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_records_read_total",
			Help: "Kinesis records read, containers counted as one."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_bytes_read_total",
			Help: "Bytes of data and partition keys read."}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_pages_read_total",
			Help: "GetRecords calls that succeeded."}),
		readFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_read_failures_total",
			Help: "Reads that failed and were tried again."}),
	}
	reg.MustRegister(m.behind, m.records, m.bytes, m.pages, m.readFailures)
	return m
}

func (m *Metrics) read(shardID string, records, bytes int, behind int64) {
	m.behind.WithLabelValues(shardID).Set(float64(behind))
	m.records.Add(float64(records))
	m.bytes.Add(float64(bytes))
	m.pages.Inc()
}

func (m *Metrics) forget(shardID string) { m.behind.DeleteLabelValues(shardID) }
