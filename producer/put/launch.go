package put

import (
	"context"
	"time"
)

// forever is how long Run waits when only an event can give it something to do.
const forever = time.Hour

// launchBatches starts calls as long as one is worth starting: full, or waited for long enough.
func (s *Sender) launchBatches(ctx context.Context, now time.Time) {
	for {
		s.fill(now)
		nothingToWaitFor := s.draining && len(s.backlog) == 0
		due := s.batch.full || nothingToWaitFor || now.Sub(s.batch.since) >= s.cfg.Linger
		if len(s.batch.units) == 0 || !due || len(s.flights) >= s.cfg.InFlight {
			return
		}
		s.fly(ctx, s.batch.units, s.batch.oldest)
		s.batch = batch{}
	}
}

// fill moves units into the batch, one from each shard in turn, as far as the shards' limits allow.
func (s *Sender) fill(now time.Time) {
	for moved := true; moved && !s.batch.full; {
		moved = false
		for _, from := range s.backlog {
			if u := from.head(now); u != nil && s.batch.fits(u) && from.take(now) {
				s.batch.add(u, now)
				moved = true
			}
		}
		s.dropEmpty()
	}
	if len(s.backlog) > 1 { // begin with another shard the next time
		s.backlog = append(s.backlog[1:], s.backlog[0])
	}
}

// launchInOrder starts one call for each shard that has none. Who has got one goes to the end, so that all shards get
// theirs in turn if there are more of them than calls.
func (s *Sender) launchInOrder(ctx context.Context, now time.Time) {
	waiting, served := s.backlog[:0], []*shard(nil)
	for _, from := range s.backlog {
		u := from.head(now)
		if u == nil || len(s.flights) >= s.cfg.InFlight || !from.take(now) {
			waiting = append(waiting, from)
			continue
		}
		from.busy = true
		served = append(served, from)
		s.fly(ctx, []*unit{u}, u.born())
	}
	s.backlog = append(waiting, served...)
	s.dropEmpty()
}

func (s *Sender) dropEmpty() {
	kept := s.backlog[:0]
	for _, to := range s.backlog {
		if to.inBacklog = len(to.queue) > 0; to.inBacklog {
			kept = append(kept, to)
		}
	}
	s.backlog = kept
}

func (s *Sender) fly(ctx context.Context, units []*unit, oldest time.Time) {
	f := &flight{units: units, oldest: oldest}
	s.flights[f] = struct{}{}
	s.stats.Calls++
	for _, u := range units {
		if u.attempts++; u.attempts > 1 {
			s.stats.Resent += uint64(len(u.records))
		}
	}
	go func() {
		s.call(ctx, f)
		s.landed <- f // Run does not end while a flight is up
	}()
}

// wakeAfter is how long nothing will change by the passing of time alone.
func (s *Sender) wakeAfter(now time.Time) time.Duration {
	wake := now.Add(forever)
	sooner := func(t time.Time) {
		if t.Before(wake) {
			wake = t
		}
	}
	roomToFly := len(s.flights) < s.cfg.InFlight
	if len(s.batch.units) > 0 && roomToFly {
		sooner(s.batch.since.Add(s.cfg.Linger))
	}
	for _, to := range s.backlog {
		if !to.busy && !s.batch.full && (roomToFly || !s.cfg.StrictOrder) {
			sooner(to.notBefore)
		}
		if s.cfg.RecordTTL > 0 && len(to.queue) > 0 && !to.busy {
			sooner(to.queue[0].born().Add(s.cfg.RecordTTL))
		}
	}
	if !s.closeAt.IsZero() {
		sooner(s.closeAt)
	}
	return max(0, wake.Sub(now))
}
