package lease

import "github.com/prometheus/client_golang/prometheus"

// Reasons are the labels of the metrics and stand in the log.
type (
	gainedReason string
	lostReason   string
)

const (
	gainedNew      gainedReason = "new"         // the shard had no row
	gainedUnowned  gainedReason = "unowned"     // released by its last owner
	gainedHandOver gainedReason = "handed_over" // released for our claim
	gainedExpired  gainedReason = "expired"     // its owner stopped renewing
	gainedOwn      gainedReason = "own"         // written by an acquisition of ours whose answer was lost
	lostReleased   lostReason   = "released"    // drained and given back
	lostFenced     lostReason   = "fenced"      // another worker has it, or the table is gone
	lostUnrenewed  lostReason   = "unrenewed"   // the trust window closed without a successful write
)

func gainReason(before Row, me string) gainedReason {
	switch {
	case !before.Exists():
		return gainedNew
	case before.Owner == me:
		return gainedOwn
	case before.Owner != "":
		return gainedExpired
	case before.Claim == me:
		return gainedHandOver
	}
	return gainedUnowned
}

// Metrics of the lease table.
type Metrics struct {
	held       prometheus.Gauge
	gained     *prometheus.CounterVec
	lost       *prometheus.CounterVec
	fenced     prometheus.Counter
	shardsLost prometheus.Counter
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "callevents_leases_held", Help: "Leases that this worker holds."}),
		gained: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "callevents_leases_gained_total",
			Help: "Leases acquired, by reason: new, unowned, handed_over, expired, own."}, []string{"reason"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "callevents_leases_lost_total",
			Help: "Leases released or lost, by reason: released, fenced, unrenewed."}, []string{"reason"}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_fenced_writes_total",
			Help: "Writes to the lease table that were refused because another worker owns the lease."}),
		shardsLost: prometheus.NewCounter(prometheus.CounterOpts{Name: "callevents_shards_lost_total",
			Help: "Shards that retention removed before they were read to their end."}),
	}
	reg.MustRegister(m.held, m.gained, m.lost, m.fenced, m.shardsLost)
	return m
}
