// Package route chooses the shard of each record: the open shards in turn.
//
// What always holds: after any number of records routed with one shard map, the counts of any two shards differ by at
// most one. All records of a shard have the explicit hash key of its lane, which is random within the shard's range. So after a
// split one child gets what was routed to the parent, until the split is known. Without lanes the hash key of each record is
// random, and both children get their share. The package calls nothing in AWS. [Router.Use] gives it the shards.
package route

import (
	"math/rand/v2"
	"slices"
	"sync"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

// Shard is an open shard.
type Shard struct {
	ID       string
	HashKeys hashkey.Range
}

// Destination is the shard of one record.
type Destination struct {
	ShardID         string
	ExplicitHashKey hashkey.Key
	Lane            identity.Lane // whose hash key it is; the zero value: none
	// MapVersion is the version of the shard map that chose the shard: 1 for the first map, one more for each that differed.
	MapVersion uint64
}

// Router is safe for concurrent use.
type Router struct {
	mu      sync.Mutex
	random  *rand.Rand
	shards  []Shard
	lanes   lanes
	turn    int
	version uint64
}

// New returns a router without shards: call Use before Next. Routers with different seeds begin at different shards, so
// that many producers that start at the same time do not all begin with the first.
func New(seed uint64) *Router {
	return &Router{random: rand.New(rand.NewPCG(seed, 1))}
}

// OpenLanes gives every shard a lane of a run, which is not zero. It is to be called before the first map is used.
func (r *Router) OpenLanes(run uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes.run = run
}

// Use replaces the shard map and reports whether the new one differs. The same shards in any order change nothing, and
// the turn goes on. There must be at least one shard.
func (r *Router) Use(shards []Shard) (changed bool) {
	sorted := slices.SortedFunc(slices.Values(shards), func(a, b Shard) int { return a.HashKeys.First.Compare(b.HashKeys.First) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(sorted, r.shards) {
		return false
	}
	r.shards, r.turn = sorted, r.random.IntN(len(sorted))
	r.version++
	r.lanes.use(sorted, r.random)
	return true
}

// Next returns the destination of the next record.
func (r *Router) Next() Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	shard := &r.shards[r.turn]
	r.turn = (r.turn + 1) % len(r.shards)
	to := Destination{ShardID: shard.ID, Lane: r.lanes.of[shard.ID], MapVersion: r.version}
	if to.Lane == (identity.Lane{}) {
		to.ExplicitHashKey = shard.HashKeys.Draw(r.random)
	} else {
		to.ExplicitHashKey = to.Lane.HashKey()
	}
	return to
}

// Again returns the destination of a record that may be in the stream already: it keeps the hash key of its lane, and so comes
// to the shard that has the copy, or to a child of it. It takes no turn.
func (r *Router) Again(lane identity.Lane) Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := Destination{ExplicitHashKey: lane.HashKey(), Lane: lane, MapVersion: r.version}
	for _, shard := range r.shards {
		if shard.HashKeys.Contains(to.ExplicitHashKey) {
			to.ShardID = shard.ID
		}
	}
	return to
}

// Version is the version of the shard map in use; 0 if there is none yet.
func (r *Router) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}
