package lease

import (
	"context"
	"maps"
	"slices"
	"time"
)

// follower follows the plan. Only the goroutine of [Leases.Run] uses it.
type follower struct {
	*Leases
	members *membership
	cleaner *cleaner
	listing listing
	waits   map[string]wanting // shards that the plan gives to this worker, which it does not have
	quick   time.Time          // until then rows are read often

	backFrom time.Time // when this worker comes back, if it has stepped back
}

// wanting is a shard that this worker waits for.
type wanting struct {
	since time.Time // first turn
	free  time.Time // since when it could be acquired; zero: it cannot
	owned bool      // somebody else had it
}

func newFollower(s *Leases) *follower {
	return &follower{Leases: s, members: newMembership(s.cfg, s.table, s.log), cleaner: newCleaner(s.cfg, s.table, s.metrics.shardsLost, s.log),
		waits: map[string]wanting{}}
}

// turn is one look at the table and all that follows from it. It returns the pause before the next one.
func (f *follower) turn(ctx context.Context) (time.Duration, error) {
	if shards, began := f.shards.List(); !began.Equal(f.listing.began) {
		f.listing = newListing(shards, began)
	}
	listed := f.listing.shards != nil
	rows, owners := f.needed()
	if err := f.members.look(ctx, owners, rows); err != nil {
		return f.cfg.SyncInterval, err
	}
	before := f.members.plan.version
	if err := f.members.attend(ctx, listed); err != nil {
		return f.cfg.SyncInterval, err
	}
	if err := f.members.plans(ctx, f.listing); err != nil {
		return f.cfg.SyncInterval, err
	}
	if err := f.release(ctx, f.members.me); err != nil {
		return f.cfg.SyncInterval, err
	}
	f.follow(ctx)
	f.touch(ctx)
	f.cleaner.clean(ctx, f.members, f.listing)
	if before != f.members.plan.version {
		f.quick = time.Now().Add(3 * time.Second)
		return 0, nil
	}
	return f.pause(), nil
}

// needed returns the shards whose rows this worker has to read: those it waits for, and their parents. And the owners that it
// waits for.
func (f *follower) needed() (rows, owners []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members.away = f.stopping || f.steppedBack()
	want := map[string]wanting{}
	if f.members.me != nil && !f.stopping {
		for _, id := range f.members.plan.shares[f.members.me.id] {
			gone := !f.listing.has(id) && f.listing.began.After(f.members.plan.read)
			if f.held[id] == nil && !f.finished[id] && !gone {
				want[id] = f.waits[id]
			}
		}
	}
	f.waits = want
	for id := range want {
		rows = append(rows, f.listing.waitsFor(id, f.finished)...)
		rows = append(rows, id)
		if owner := f.members.seen.shards[id].row.Owner; owner != "" && owner != f.members.me.id {
			owners = append(owners, owner)
		}
	}
	return rows, owners
}

// follow takes in what the rows say: which leases can be acquired, and which are to be given up. A lease that the plan gives to
// another worker is drained and released, whoever that is.
func (f *follower) follow(ctx context.Context) {
	now := time.Now()
	f.mu.Lock()
	for id, seen := range f.members.seen.shards {
		if seen.row.Finished() && !f.finished[id] {
			f.finished[id] = true
			f.shards.Refresh() // there may be children
		}
	}
	clear(f.acquirable)
	var ask []string
	for id, w := range f.waits {
		seen := f.members.seen.shards[id]
		owner := f.members.seen.workers[seen.row.Owner]
		switch {
		case f.finished[id] || len(f.listing.waitsFor(id, f.finished)) > 0:
			w = wanting{}
		case f.members.seen.free(id, f.members.me.id, f.cfg.Duration, now):
			if w.free.IsZero() {
				w.free = now
			}
			if f.listing.has(id) {
				f.acquirable[id] = free{seen.row, w.owned}
			} else {
				f.shards.Refresh()
			}
		default:
			w.free = time.Time{}
			if w.since.IsZero() {
				w.since = now
			}
			w.owned = w.owned || owner.there
			if owner.there && now.Sub(w.since) > f.cfg.Duration {
				ask = append(ask, seen.row.Owner)
			}
		}
		f.waits[id] = w
	}
	f.giveUp()
	wants := len(f.acquirable) > 0
	if f.listing.shards != nil {
		f.synced = now
	}
	f.mu.Unlock()
	if wants {
		f.wanted.Set()
	}
	for _, owner := range ask {
		f.members.ask(ctx, owner)
	}
}

// giveUp asks the consumers of leases to drain that the plan gives to others.
func (f *follower) giveUp() {
	for id, l := range f.held {
		if to := f.members.plan.workers[id]; to != "" && to != f.members.me.id && l.life == f.members.me {
			l.askToDrain(to)
		}
	}
}

// steppedBack reports whether this worker fails to acquire what is free for it. It leaves the members for a while, so that others
// get it.
func (f *follower) steppedBack() bool {
	if time.Now().Before(f.backFrom) {
		return true
	}
	stuck := func(w wanting) bool { return !w.free.IsZero() && time.Since(w.free) > 2*f.cfg.Duration }
	if !slices.ContainsFunc(slices.Collect(maps.Values(f.waits)), stuck) {
		return false
	}
	f.log.Error("leases that are free are not acquired here: the worker leaves them to others for a while")
	f.backFrom = time.Now().Add(3 * f.cfg.Duration)
	clear(f.waits)
	return true
}

// touch writes rows that nothing was written to for long.
func (f *follower) touch(ctx context.Context) {
	for _, l := range f.Held() {
		if time.Since(l.written()) > touchEvery && ctx.Err() == nil {
			l.touch(ctx)
		}
	}
}

// pause is short while leases are waited for or the plan is behind.
func (f *follower) pause() time.Duration {
	now := time.Now()
	pause := f.cfg.restInterval()
	waiting := slices.ContainsFunc(slices.Collect(maps.Values(f.waits)), func(w wanting) bool { return !w.since.IsZero() || !w.free.IsZero() })
	if waiting || f.members.plan.version != f.members.version {
		pause = min(pause, f.cfg.SyncInterval)
		if now.Before(f.quick) {
			pause /= 4
		}
	}
	if at := f.members.planAt; !at.IsZero() {
		pause = min(pause, max(0, at.Sub(now)))
	}
	for id, seen := range f.members.seen.workers {
		if due := seen.since.Add(fenceAfter(seen.row.Duration)).Sub(now); seen.there && !seen.row.fenced && due > 0 && !f.members.seen.fresh(id, now) {
			pause = min(pause, due)
		}
	}
	return pause
}
