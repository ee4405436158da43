// Package route decides which shard each record goes to: the open shards in turn.
//
// What always holds: after any prefix of the records routed with one shard map, the counts of any two shards
// differ by at most one. A record's explicit hash key is drawn anywhere in its shard's hash key range, so that
// the halves of a shard that is split later get their share as well. The package is pure: it knows nothing about
// AWS, and learns of a reshard only from whoever calls [Router.Use].
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

// Destination is where one record should go.
type Destination struct {
	ShardID         string
	ExplicitHashKey hashkey.Key
	// MapVersion tells by which shard map this was decided: 1 for the first, one more for each that differed.
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

// New returns a router without shards: call Use before Next. Routers with different seeds start at different
// shards, so that many producers started at once do not all begin with the first.
func New(seed uint64) *Router {
	return &Router{random: rand.New(rand.NewPCG(seed, 1))}
}

// Use replaces the shard map and reports whether it differs from the one in use. The same map again, in any
// order, changes nothing, the turn included. There must be at least one shard.
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

// Version is the version of the shard map in use; 0 before the first.
func (r *Router) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}
