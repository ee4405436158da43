package lease

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// Run keeps the worker among the members and follows the plan, until ctx ends. Errors of the table are logged and outlasted.
func (s *Leases) Run(ctx context.Context) error {
	f := newFollower(s)
	for ctx.Err() == nil {
		life, err := begin(ctx, s.cfg, s.table, s.settle, s.log)
		if errors.Is(err, ErrTableMissing) {
			err = s.create(ctx)
		}
		if life == nil {
			if err != nil && ctx.Err() == nil {
				s.log.WithError(err).Warn("lease table not written, trying again")
			}
			if wait.For(ctx, s.cfg.SyncInterval) != nil {
				return nil
			}
			continue
		}
		s.mu.Lock()
		s.life = life
		clear(s.finished)
		s.mu.Unlock()
		f.members.begin(life)
		s.live(ctx, f, life)
	}
	if f.members.me != nil {
		s.depart(context.WithoutCancel(ctx), f)
	}
	return nil
}

// depart takes this worker out of the members, if it is still there, and plans for the others.
func (s *Leases) depart(ctx context.Context, f *follower) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.callTimeout())
	defer cancel()
	f.members.away = true
	if err := errors.Join(f.members.attend(ctx, false), f.members.plans(ctx, f.listing)); err != nil {
		s.log.WithError(err).Warn("worker has not left the members, others find out")
	}
}

func (s *Leases) create(ctx context.Context) error {
	s.log.Error("lease table is missing, creating it; positions come from the object chain")
	return s.table.Create(ctx)
}

// settle is called when others wait for shards.
func (s *Leases) settle(shards []string) {
	s.mu.Lock()
	for _, id := range shards {
		s.asked[id] = true
	}
	s.mu.Unlock()
	s.Poke()
}

// live is one life: looks at the table until the life is over or ctx ends. Then all its leases are lost at once.
func (s *Leases) live(ctx context.Context, f *follower, life *life) {
	living, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		life.keep(living)
		if reason := life.ended(); reason != "" {
			s.lose(life, reason)
			cancel()
		}
	}()
	s.look(living, f, life)
	cancel()
	<-kept
}

// look looks at the table again and again, often while leases move and seldom while they rest.
func (s *Leases) look(ctx context.Context, f *follower, life *life) {
	last := time.Now()
	for {
		pause, err := f.turn(ctx)
		if errors.Is(err, ErrTableMissing) { // and with it this worker's row
			life.end(lostGone)
			err = s.create(ctx)
		}
		if err == nil {
			last = time.Now()
		} else if ctx.Err() == nil {
			s.log.WithError(err).Warn("lease table not read, trying again")
		}
		if time.Since(last) > 3*s.cfg.Duration { // it holds what it cannot follow the plan with
			life.end(lostUnrenewed)
		}
		least := s.cfg.SyncInterval / 20 // between two looks, however often Poke is called
		if pause > 0 && wait.For(ctx, least) != nil || s.poke.Wait(ctx, pause-least) != nil {
			return
		}
	}
}

// lose ends all leases of a life that is over.
func (s *Leases) lose(life *life, reason lostReason) {
	s.log.WithFields(logrus.Fields{"reason": reason, "lease_owner": life.id}).Warn("all leases lost, the worker goes on under another id")
	s.mu.Lock()
	clear(s.acquirable)
	s.mu.Unlock()
	for _, l := range s.Held() {
		if l.life == life {
			if reason == lostFenced {
				s.metrics.fenced.Inc()
			}
			l.setDone(reason)
		}
	}
}

// release is this worker's answer if others wait for shards. It writes the release of those rows that have our id and no lease:
// acquisitions and releases whose outcome stayed unknown, or rows that somebody has edited. And it forgets which of these shards
// are finished, and so reads their rows again: the table may have forgotten it.
func (s *Leases) release(ctx context.Context, life *life) error {
	s.mu.Lock()
	asked := slices.Sorted(maps.Keys(s.asked))
	clear(s.asked)
	for _, id := range asked {
		delete(s.finished, id)
	}
	s.mu.Unlock()
	if len(asked) == 0 {
		return nil
	}
	defer s.Poke()
	items, err := s.table.Get(ctx, true, asked...)
	if err != nil {
		s.settle(asked)
		return err
	}
	for id, item := range items {
		row := decodeRow(id, item)
		s.mu.Lock()
		left := row.Owner == life.id && !s.acquiring[id] && s.held[id] == nil
		s.mu.Unlock()
		if !left || !isShard(id) {
			continue
		}
		_, err := s.table.write(ctx, row, set{attrOwner: "", attrTimeout: ""})
		if err != nil && !errors.Is(err, ErrRefused) {
			s.settle(asked)
			return err
		}
		s.log.WithField("shard_id", id).Info("lease released that this worker did not have")
	}
	return nil
}
