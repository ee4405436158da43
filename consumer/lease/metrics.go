package lease

import "github.com/prometheus/client_golang/prometheus"

// Reasons are the labels of the metrics and stand in the log.
type (
	acquiredReason string
	lostReason     string
)

const (
	acquiredNew      acquiredReason = "new"         // the shard had no row
	acquiredUnowned  acquiredReason = "unowned"     // released by its last owner
	acquiredHandOver acquiredReason = "handed_over" // released for us by an owner that lives
	acquiredExpired  acquiredReason = "expired"     // its owner made no heartbeat and was fenced
	acquiredOwn      acquiredReason = "own"         // written by an acquisition of ours whose answer was lost
	lostReleased     lostReason     = "released"    // drained and given back
	lostFenced       lostReason     = "fenced"      // another worker has it, or has fenced this one
	lostGone         lostReason     = "gone"        // the worker's row is gone or has gone back
	lostUnrenewed    lostReason     = "unrenewed"   // the trust window closed without a confirmed heartbeat
)

// reasonFor tells from the row before an acquisition why the lease could be acquired.
func reasonFor(before Row, me string, waited bool) acquiredReason {
	switch {
	case !before.Exists():
		return acquiredNew
	case before.Owner == me:
		return acquiredOwn
	case before.Owner != "":
		return acquiredExpired
	case waited:
		return acquiredHandOver
	}
	return acquiredUnowned
}

// Metrics of the lease table. Dashboards know acquisitions as leases gained.
type Metrics struct {
	held       prometheus.Gauge
	acquired   *prometheus.CounterVec
	lost       *prometheus.CounterVec
	fenced     prometheus.Counter
	shardsLost prometheus.Counter
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "callevents_leases_held", Help: "Leases that this worker holds."}),
		acquired: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "callevents_leases_gained_total",
			Help: "Leases acquired, by reason: new, unowned, handed_over, expired, own."}, []string{"reason"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "callevents_leases_lost_total",
			Help: "Leases released or lost, by reason: released, fenced, gone, unrenewed."}, []string{"reason"}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_fenced_writes_total",
			Help: "Writes to the lease table that were refused because another worker owns the lease."}),
		shardsLost: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_shards_lost_total",
			Help: "Shards that retention removed before they were read to their end."}),
	}
	reg.MustRegister(m.held, m.acquired, m.lost, m.fenced, m.shardsLost)
	return m
}
