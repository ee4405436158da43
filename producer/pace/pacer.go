// Package pace says when each record is due: record n, counted from 0, at start + n/rate.
//
// Due times are computed from the start, never from the record before, so nothing adds up: whatever a put takes,
// the count of any stretch of time differs from rate x time by at most one. Only a stall can change that: when
// nobody asked for a record until more than [StallAfter] after it was due, the records missed meanwhile are
// given out at once, as fast as they are taken, or skipped. The package is pure but for the clock; it knows
// nothing about records, and it never makes more of them than were asked for.
package pace

import (
	"context"
	"sync"
	"time"
)

// StallAfter is how late a record may be before it counts as held up by a stall. It is also how long a run may
// exceed its duration in order to give out what was due before the end.
const StallAfter = time.Second

// Config of a run. Count and Duration end it, whichever comes first; 0 means no end.
type Config struct {
	Rate       Rate // above 0
	Count      uint64
	Duration   time.Duration
	SkipMissed bool // skip what a stall held up, instead of catching up
}

// Stats of a run so far.
type Stats struct {
	Records uint64        // given out
	Late    uint64        // of those, more than StallAfter after they were due
	Latest  time.Duration // the most that one was late
	Skipped uint64        // passed over after a stall, or not given out before the end
}

// Pacer is used by one goroutine, except for Stats.
type Pacer struct {
	cfg   Config
	begin time.Time // of the run
	start time.Time // what due times count from: begin, plus what was forgiven
	slot  uint64    // the next record's number, skipped ones counted

	mu    sync.Mutex
	stats Stats
}

// New returns a pacer; the run begins with the first call of Next.
func New(cfg Config) *Pacer { return &Pacer{cfg: cfg} }

// Next waits until the next record is due and returns its due time. ok is false at the end of the run, and
// when ctx is done.
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
	if p.over(now, due) || !wait(ctx, due.Sub(now)) {
		return time.Time{}, false
	}
	if due.After(now) {
		now = time.Now()
	}
	p.slot++
	p.count(now.Sub(due))
	return due, true
}

// Forgive moves all later due times by d: the time that the pacer was kept waiting by the source of the records,
// which is nothing to catch up on.
func (p *Pacer) Forgive(d time.Duration) { p.start = p.start.Add(d) }

// Stats may be called at any time, by anybody.
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

// skipUntil passes over the records that were due before t, those of the run only.
func (p *Pacer) skipUntil(t time.Time) {
	if end := p.begin.Add(p.cfg.Duration); p.cfg.Duration > 0 && t.After(end) {
		t = end
	}
	if p.cfg.Rate == Max {
		return // nothing is due at any time but now
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

// wait reports false if ctx ended first, or already had.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
