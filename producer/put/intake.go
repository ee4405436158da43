package put

import "time"

// The sender accepts no more while it holds so much unsent; Put blocks then.
const (
	maxUnsent      = 20_000
	maxUnsentBytes = 64 << 20
)

// Put hands over a record, and blocks while too much is unsent, but no longer than Run runs. The error is ErrStopped
// once Run has returned; the record is in the spill then.
func (s *Sender) Put(r Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.returned && !s.hasRoom() {
		s.room.Wait()
	}
	s.accept(r)
	if s.returned {
		s.spillAll()
		return ErrStopped
	}
	return nil
}

func (s *Sender) hasRoom() bool {
	blocked := s.cfg.BlockAfter > 0 && !s.oldestSeen.IsZero() && time.Since(s.oldestSeen) > s.cfg.BlockAfter
	return s.fatal == nil && s.unsent < maxUnsent && s.unsentBytes < maxUnsentBytes && !blocked
}

func (s *Sender) accept(r Record) {
	to := s.shards[r.To.ShardID]
	if to == nil {
		to = newShard(r.To.ShardID, s.cfg)
		s.shards[to.id] = to
	}
	s.unsent++
	s.unsentBytes += len(r.Event.JSON)
	if !s.cfg.Aggregate {
		s.enqueue(to, single(r, to, r.To.ExplicitHashKey))
		return
	}
	if to.open == nil {
		to.open = newContainer(s.cfg.MaxRecordBytes)
	}
	now := time.Now()
	s.enqueue(to, to.open.add(r, to, now)...)
	if s.closeAt.IsZero() {
		s.closeAt = now.Add(s.cfg.Linger)
		s.nudge()
	}
}

func (s *Sender) enqueue(to *shard, units ...*unit) {
	for _, u := range units {
		to.queue = append(to.queue, u)
		if s.untilLook -= shares(u); s.untilLook <= 0 {
			s.nudge()
		}
	}
	if !to.inBacklog && len(to.queue) > 0 {
		to.inBacklog = true
		s.backlog = append(s.backlog, to)
	}
}

// nudge makes Run look soon.
func (s *Sender) nudge() {
	select {
	case s.nudges <- struct{}{}:
	default: // it will anyway
	}
}

// nextLook is what may be queued before Run has to look again, other than for the passing of time. A look at each
// record would cost more than all else that the sender does with it. Without a batch there is one at the next unit:
// it begins a batch, and thereby the linger time.
func (s *Sender) nextLook() int {
	switch {
	case s.batch.full:
		return maxBatchUnits
	case s.cfg.StrictOrder, len(s.batch.units) == 0:
		return 1
	}
	return maxBatchUnits - s.batch.shares
}

// closeContainers enqueues the containers that have waited long enough, or all when nothing more will come.
func (s *Sender) closeContainers(now time.Time) {
	if s.closeAt.IsZero() || (now.Before(s.closeAt) && !s.draining) {
		return
	}
	s.closeAt = time.Time{}
	for _, to := range s.shards {
		if to.open == nil || len(to.open.records) == 0 {
			continue
		}
		due := to.open.since.Add(s.cfg.Linger)
		if s.draining || !now.Before(due) {
			s.enqueue(to, to.open.close(to)...)
		} else if s.closeAt.IsZero() || due.Before(s.closeAt) {
			s.closeAt = due
		}
	}
}
