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

// Destination is where one record goes.
type Destination struct {
	ShardID         string
	ExplicitHashKey hashkey.Key
	ID              identity.ID // in the lane that has the hash key; none: the shard has no lane
	Again           bool        // the record may be in the stream already
	// MapVersion is the version of the shard map that chose the shard: 1 for the first map, one more for each that differed.
	MapVersion uint64
}

// Router is safe for concurrent use.
type Router struct {
	mu       sync.Mutex
	random   *rand.Rand
	run      uint64  // of the producer; zero: there are no lanes
	shards   []Shard // by hash key, as in rotation
	rotation Rotation
	version  uint64
	changes  []Rotation // that Changes has not returned
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
	r.run = run
}

// Resume goes on with the rotation of a former router of the run, if the first map that is used has its shards. It is to be
// called before that.
func (r *Router) Resume(run uint64, rotation Rotation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run, r.rotation, r.version = run, rotation.Clone(), 1
}

// Use replaces the shard map and reports whether the new one differs. The same shards in any order change nothing, and
// the turn goes on. There must be at least one shard. A shard keeps its lane for as long as the map has it. So the numbers of
// a lane are in one shard, and after a split in one child. A new lane may have the hash key of a former one of the run. So its
// numbers begin above all that were given out.
func (r *Router) Use(shards []Shard) (changed bool) {
	sorted := slices.SortedFunc(slices.Values(shards), func(a, b Shard) int { return a.HashKeys.First.Compare(b.HashKeys.First) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(sorted, r.shards) {
		return false
	}
	resumes := r.shards == nil && slices.EqualFunc(sorted, r.rotation.Shards, func(a Shard, b Slot) bool { return a.ID == b.ShardID })
	r.shards = sorted
	if resumes {
		return false
	}
	slots := make([]Slot, len(sorted))
	for i, s := range sorted {
		if slots[i] = r.rotation.slot(s.ID); slots[i].ShardID == "" {
			slots[i] = Slot{ShardID: s.ID, Lane: r.draw(s), Last: r.rotation.Records}
		}
	}
	r.rotation.Shards, r.rotation.Turn = slots, r.random.IntN(len(slots))
	r.version++
	r.changes = append(r.changes, r.rotation.Clone())
	return true
}

// draw returns a lane for a shard. One whose range has no key for a lane gets none.
func (r *Router) draw(s Shard) identity.Lane {
	if r.run == 0 {
		return identity.Lane{}
	}
	word, ok := s.HashKeys.DrawWord(r.random)
	if !ok {
		return identity.Lane{}
	}
	return identity.Lane{Run: r.run, Word: word}
}

// Changes returns the rotations that began since it was called last, as they were at their beginnings.
func (r *Router) Changes() []Rotation {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := r.changes
	r.changes = nil
	return changes
}

// Next returns the destination of the next record.
func (r *Router) Next() Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	shard := &r.shards[r.rotation.Turn]
	to := Destination{ShardID: shard.ID, ID: r.rotation.Next(), MapVersion: r.version}
	if to.ID.None() {
		to.ExplicitHashKey = shard.HashKeys.Draw(r.random)
	} else {
		to.ExplicitHashKey = to.ID.HashKey()
	}
	return to
}

// Again returns the destination of a record that may be in the stream already: it keeps the hash key of its lane, and so comes
// to the shard that has the copy, or to a child of it. It takes no turn.
func (r *Router) Again(id identity.ID) Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := Destination{ExplicitHashKey: id.HashKey(), ID: id, Again: true, MapVersion: r.version}
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
