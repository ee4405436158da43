// Package pace says when each record is due: record n, counted from 0, at start + n/rate.
//
// Due times count from the start, never from the record before, so errors do not add up: in any stretch of time the
// number of records differs from rate x time by at most one, however long each put takes. The exception is a stall: Next
// was not called until more than [StallAfter] after a record was due. The missed records are then due at once, or
// skipped. The package makes no records and knows nothing about them; its only input is the clock.
package pace

import (
	"context"
	"sync"
	"time"

	"example.com/callevents/shared/wait"
)

// StallAfter is how late a record must be to count as late because of a stall. It is also how much longer than its
// duration a run may last, for records that were due before its end.
const StallAfter = time.Second

// Config of a run. The run ends after Count records or after Duration, whichever is first; 0 means no end.
type Config struct {
	Rate       Rate // above 0
	Count      uint64
	Duration   time.Duration
	SkipMissed bool // skip the records that a stall made late; otherwise they are due at once
}

// Stats of a run so far.
type Stats struct {
	Records uint64        // that Next has returned
	Late    uint64        // of those, more than StallAfter after they were due
	Latest  time.Duration // how late the latest was
	Skipped uint64        // skipped after a stall, or still missing at the end
}

// Pacer is for one goroutine; any may call Stats.
type Pacer struct {
	cfg   Config
	begin time.Time // of the run
	start time.Time // due times count from here: begin, plus what was forgiven
	slot  uint64    // number of the next record, skipped ones included

	mu    sync.Mutex
	stats Stats
}

// New returns a pacer; the run begins with the first call of Next.
func New(cfg Config) *Pacer { return &Pacer{cfg: cfg} }

// Next waits until the next record is due and returns its due time. ok is false at the end of the run, and if ctx has
// ended.
func (p *Pacer) Next(ctx context.Context) (due time.Time, ok bool) {
	now := time.Now()
	if p.begin.IsZero() {
		p.begin, p.start = now, now
	}
	due = p.due(now)
	if p.cfg.SkipMissed && now.Sub(due) > StallAfter {
		p.skipUntil(now)
		due = p.due(now)
	}
	if p.over(now, due) || ctx.Err() != nil {
		return time.Time{}, false
	}
	if due.After(now) {
		if wait.Until(ctx, due) != nil {
			return time.Time{}, false
		}
		now = time.Now()
	}
	p.slot++
	p.count(now.Sub(due))
	return due, true
}

// Wait is how long Next will wait, as far as is known now. It is for the goroutine that calls Next.
func (p *Pacer) Wait() time.Duration {
	if p.begin.IsZero() {
		return 0
	}
	now := time.Now()
	return max(0, p.due(now).Sub(now))
}

// Forgive moves all later due times by d. It is for the time that the source of the records took: there is nothing to
// catch up on.
func (p *Pacer) Forgive(d time.Duration) { p.start = p.start.Add(d) }

// Stats returns the figures of this moment.
func (p *Pacer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

func (p *Pacer) due(now time.Time) time.Time {
	if p.cfg.Rate == Max {
		return now
	}
	return p.start.Add(p.cfg.Rate.DueAfter(p.slot))
}

func (p *Pacer) over(now, due time.Time) bool {
	if p.cfg.Count > 0 && p.Stats().Records >= p.cfg.Count {
		return true
	}
	end := p.begin.Add(p.cfg.Duration)
	if p.cfg.Duration == 0 || (due.Before(end) && now.Before(end.Add(StallAfter))) {
		return false
	}
	p.skipUntil(end)
	return true
}

// skipUntil skips the records that were due before t and before the end of the run.
func (p *Pacer) skipUntil(t time.Time) {
	if end := p.begin.Add(p.cfg.Duration); p.cfg.Duration > 0 && t.After(end) {
		t = end
	}
	if p.cfg.Rate == Max {
		return // the next record is always due now
	}
	slot := max(p.slot, p.cfg.Rate.dueBefore(t.Sub(p.start)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Skipped += slot - p.slot
	p.slot = slot
}

func (p *Pacer) count(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Records++
	p.stats.Latest = max(p.stats.Latest, late)
	if late > StallAfter {
		p.stats.Late++
	}
}
