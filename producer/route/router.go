// Package route chooses the shard of each record: the open shards in turn.
//
// What always holds: after any number of records routed with one shard map, the counts of any two shards differ by at
// most one. The explicit hash key of a record is random within the hash key range of its shard. So both children of a
// split get their share of the records, also of those that were routed before the split is known. The package calls
// nothing in AWS. [Router.Use] gives it the shards.
package route

import (
	"math/rand/v2"
	"slices"
	"sync"

	"example.com/callevents/shared/hashkey"
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
	// MapVersion is the version of the shard map that chose the shard: 1 for the first map, one more for each that differed.
	MapVersion uint64
}

// Router is safe for concurrent use.
type Router struct {
	mu      sync.Mutex
	random  *rand.Rand
	shards  []Shard
	turn    int
	version uint64
}

// New returns a router without shards: call Use before Next. Routers with different seeds begin at different shards, so
// that many producers that start at the same time do not all begin with the first.
func New(seed uint64) *Router {
	return &Router{random: rand.New(rand.NewPCG(seed, 1))}
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
	return true
}

// Next returns the destination of the next record.
func (r *Router) Next() Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	shard := &r.shards[r.turn]
	r.turn = (r.turn + 1) % len(r.shards)
	return Destination{shard.ID, shard.HashKeys.Draw(r.random), r.version}
}

// Version is the version of the shard map in use; 0 if there is none yet.
func (r *Router) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}
