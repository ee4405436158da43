package status

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
)

// Time between two reports.
const (
	liveInterval = time.Second      // on a terminal
	logInterval  = 10 * time.Second // elsewhere
)

// Reporter reports how a run is going until it ends.
type Reporter struct {
	report   func() Report
	terminal *Terminal // nil: reports go to the log
	log      logrus.FieldLogger
}

// NewReporter returns a reporter. Run calls report; terminal may be nil.
func NewReporter(report func() Report, terminal *Terminal, log logrus.FieldLogger) *Reporter {
	return &Reporter{report, terminal, log}
}

// Run reports until ctx ends, and then erases the live line.
func (r *Reporter) Run(ctx context.Context) {
	interval := logInterval
	if r.terminal != nil {
		interval = liveInterval
		defer r.terminal.Show("")
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for before := uint64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := r.report()
		r.show(now, float64(now.Put.Records-before)/interval.Seconds())
		before = now.Put.Records
	}
}

func (r *Reporter) show(now Report, rate float64) {
	if r.terminal != nil {
		r.terminal.Show(line(now, rate))
		return
	}
	r.log.WithFields(logrus.Fields{"records": now.Put.Records, "per_second": rate, "per_shard": shards(now.Put.PerShard),
		"in_flight": now.Put.InFlight, "throttled": now.Put.Throttled, "spilled": now.Put.Spilled,
		"oldest_unsent_ms": now.Put.Oldest.Milliseconds()}).Info("records put")
}
