package kcl

import "github.com/prometheus/client_golang/prometheus"

// Metrics of reading from Kinesis. [Worker] collects those of each shard.
type Metrics struct {
	records      prometheus.Counter
	bytes        prometheus.Counter
	pages        prometheus.Counter
	readFailures prometheus.Counter
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_records_read_total",
			Help: "Kinesis records read, containers counted as one."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_bytes_read_total",
			Help: "Bytes of data and partition keys read."}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_pages_read_total",
			Help: "GetRecords calls that succeeded, or events of a subscription."}),
		readFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_kinesis_read_failures_total",
			Help: "Reads that failed and were tried again, and subscriptions that broke."}),
	}
	reg.MustRegister(m.records, m.bytes, m.pages, m.readFailures)
	return m
}

func (m *Metrics) read(records, bytes int) {
	m.records.Add(float64(records))
	m.bytes.Add(float64(bytes))
	m.pages.Inc()
}

// What is told of each shard that the worker reads. These are asked for, not set: they grow while nothing happens.
var (
	behindDesc = prometheus.NewDesc("callevents_millis_behind_latest",
		"How far the last page was behind the tip of the shard, and the time since that page was asked for, in milliseconds.", []string{"shard"}, nil)
	uncommittedDesc = prometheus.NewDesc("callevents_oldest_uncommitted_seconds",
		"Age of the oldest record that was read and is not in an object; 0 if there is none.", []string{"shard"}, nil)
	headroomDesc = prometheus.NewDesc("callevents_retention_headroom_seconds",
		"How long until the stream's retention takes the record that is to be read or committed next.", []string{"shard"}, nil)
	blockedDesc = prometheus.NewDesc("callevents_shard_blocked",
		"1 while the shard stands still, by reason. The shard * is all that the worker could read.", []string{"shard", "reason"}, nil)
)

// Describe implements [prometheus.Collector].
func (w *Worker) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{behindDesc, uncommittedDesc, headroomDesc, blockedDesc} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *Worker) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, s := range w.Shards() {
		gauge(behindDesc, float64(s.Behind.Milliseconds()), s.Lease.ShardID)
		gauge(uncommittedDesc, s.Uncommitted.Seconds(), s.Lease.ShardID)
		gauge(headroomDesc, s.Headroom.Seconds(), s.Lease.ShardID)
	}
	for _, b := range w.Blocked() {
		gauge(blockedDesc, 1, b.Shard, string(b.Reason))
	}
}
