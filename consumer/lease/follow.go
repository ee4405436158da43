package lease

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
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

	turned   time.Time     // when the last turn began
	elapsed  time.Duration // between the last two, at most a second
	backFrom time.Time     // when this worker comes back, if it has stepped back
}

// wanting is a shard that this worker waits for.
type wanting struct {
	looked time.Time // when its row was read last
	since  time.Time // when it was found to have an owner that lives
	free   time.Time // since when it could be acquired; zero: it cannot
	owned  bool      // somebody else had it
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
	f.elapsed = min(time.Since(f.turned), time.Second)
	f.turned = time.Now()
	read, keep := f.needed()
	if err := f.members.look(ctx, read, keep); err != nil {
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

// needed returns the rows that this worker has to read now: those of the shards that it waits for, of their parents, and of the
// workers that have them. And those that it must not forget, because others will be read later.
func (f *follower) needed() (read []string, keep map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members.away = f.stopping || f.steppedBack()
	waits := map[string]wanting{}
	if f.members.me != nil && !f.stopping {
		for _, id := range f.members.plan.shares[f.members.me.id] {
			gone := !f.listing.has(id) && f.listing.began.After(f.members.plan.read)
			if f.held[id] == nil && !f.finished[id] && !gone {
				waits[id] = f.waits[id]
			}
		}
	}
	f.waits, keep = waits, map[string]bool{}
	for id := range waits {
		for _, key := range f.keys(id) {
			keep[key] = true
		}
	}
	for _, id := range f.due() {
		read = append(read, f.keys(id)...)
	}
	return read, keep
}

// keys returns the rows that say whether a shard can be acquired: first those of its parents.
func (f *follower) keys(shardID string) []string {
	if parents := f.listing.waitsFor(shardID, f.finished); len(parents) > 0 {
		return parents
	}
	keys := []string{shardID}
	if owner := f.members.seen.shards[shardID].row.Owner; owner != "" && owner != f.members.me.id {
		keys = append(keys, workerPrefix+owner)
	}
	return keys
}

// All workers together read at most so many rows of shards that they wait for in a second, and acquire at most so many leases: what a table
// that is billed on demand always gives is 4,000 writes and 12,000 reads (DynamoDB developer guide).
const (
	readsASecond    = 6000
	acquiresASecond = 1500
)

// part is this worker's part of a rate since its last turn, at least 1.
func (f *follower) part(rate float64) int {
	return max(1, int(rate*f.elapsed.Seconds())/f.members.sharers())
}

// due returns the shards to look at in this turn: those that have not been for longest.
func (f *follower) due() []string {
	ids := slices.SortedFunc(maps.Keys(f.waits), func(a, b string) int {
		return cmp.Or(f.waits[a].looked.Compare(f.waits[b].looked), cmp.Compare(a, b))
	})
	ids = ids[:min(len(ids), f.part(readsASecond))]
	for _, id := range ids {
		w := f.waits[id]
		w.looked = time.Now()
		f.waits[id] = w
	}
	return ids
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
	acquires := f.part(acquiresASecond)
	ask := questions{}
	for id, w := range f.waits {
		f.waits[id] = f.judge(id, w, now, acquires)
		if owner := f.members.seen.workers[f.members.seen.shards[id].row.Owner]; owner.there && f.waits[id].tooLong(f.cfg.Duration, now) {
			ask.add(owner.row.ID, id)
		}
		for _, parent := range f.listing.waitsFor(id, f.finished) {
			seen, reader := f.members.seen.shards[parent], f.members.plan.workers[parent]
			unread := !seen.since.IsZero() && !slices.Contains(f.members.ids, seen.row.Owner)
			if unread && now.Sub(seen.since) > f.cfg.Duration && reader != f.members.me.id {
				ask.add(reader, parent) // it may know that the parent was finished, and the table does not any more
			}
		}
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
	for worker, shards := range ask {
		f.members.ask(ctx, worker, shards)
	}
}

// judge says of a shard that this worker waits for whether it can be acquired, or since when not.
func (f *follower) judge(id string, w wanting, now time.Time, acquires int) wanting {
	seen := f.members.seen.shards[id]
	switch {
	case f.finished[id] || len(f.listing.waitsFor(id, f.finished)) > 0:
		return wanting{looked: w.looked}
	case !f.members.seen.free(id, f.members.me.id, f.cfg.Duration, now):
		w.free = time.Time{}
		if w.since.IsZero() {
			w.since = now
		}
		w.owned = w.owned || f.members.seen.workers[seen.row.Owner].there
		return w
	case w.free.IsZero():
		w.free = now
	}
	if !f.listing.has(id) {
		f.shards.Refresh()
	} else if len(f.acquirable) < acquires {
		f.acquirable[id] = free{seen.row, f.members.name(seen.row.Owner), w.owned}
	}
	return w
}

// tooLong reports whether the shard's owner should have released it by now.
func (w wanting) tooLong(duration time.Duration, now time.Time) bool {
	return w.free.IsZero() && !w.since.IsZero() && now.Sub(w.since) > duration
}

// giveUp asks the consumers of leases to drain that the plan gives to others.
func (f *follower) giveUp() {
	for id, l := range f.held {
		if to := f.members.plan.workers[id]; to != "" && to != f.members.me.id && l.life == f.members.me {
			l.askToDrain(f.members.name(to))
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
	pause := f.cfg.restInterval() * time.Duration(96+rand.N(7)) / 100 // not all at the same time
	waiting := slices.ContainsFunc(slices.Collect(maps.Values(f.waits)), func(w wanting) bool { return !w.since.IsZero() || !w.free.IsZero() })
	if waiting || f.members.plan.version != f.members.version {
		pause = min(pause, f.cfg.SyncInterval)
		if now.Before(f.quick) { // the more workers acquire leases, the slower
			pause = max(pause/4, time.Duration(f.members.sharers())*time.Millisecond)
		}
	}
	if at := f.members.planAt; !at.IsZero() {
		pause = min(pause, max(0, at.Sub(now)))
	}
	for _, seen := range f.members.seen.workers {
		if due := seen.since.Add(fenceAfter(seen.row.Duration)).Sub(now); seen.there && !seen.row.fenced && due > 0 {
			pause = min(pause, due)
		}
	}
	return pause
}
