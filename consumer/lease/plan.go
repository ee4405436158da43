package lease

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// plan says which worker is to have which shard. It allows nothing: a lease is acquired only if it is free, or its owner is
// fenced. The zero value: there is no plan, or nobody can read it.
type plan struct {
	version int64               // of the members that it was made for
	shares  map[string][]string // shards by worker, sorted
	workers map[string]string   // by shard
	read    time.Time           // when this worker had it
}

func newPlan(version int64, workers map[string]string, now time.Time) plan {
	p := plan{version: version, workers: workers, shares: map[string][]string{}, read: now}
	for _, shard := range slices.Sorted(maps.Keys(workers)) {
		p.shares[workers[shard]] = append(p.shares[workers[shard]], shard)
	}
	return p
}

// next is the plan for other members or other shards. Everybody keeps what it has, up to its fair share, and the rest goes to
// those who have room. So shares differ by one at most, and no more shards move than must.
//
// Closed shards, those with a listed child, count in no share. They stay where they are as long as their worker does. A
// child goes to the reader of a parent if that has room. Shards that this listing lacks stay as they are if it may be older
// than the plan, and are dropped if it is newer.
func (p plan) next(members []string, l listing) map[string]string {
	next := make(map[string]string, len(l.shards))
	var open []string
	for i, s := range l.shards {
		if !l.closed[s.ID] {
			open = append(open, s.ID)
			continue
		}
		next[s.ID] = p.workers[s.ID]
		if !slices.Contains(members, next[s.ID]) {
			next[s.ID] = members[i%len(members)]
		}
	}
	for id := range p.workers {
		if !l.has(id) && !l.began.After(p.read) {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	p.share(next, members, open, l)
	return next
}

// share divides the open shards.
func (p plan) share(next map[string]string, members, open []string, l listing) {
	room := p.room(members, open)
	give := func(shard, worker string) bool {
		if room[worker] == 0 {
			return false
		}
		room[worker]--
		next[shard] = worker
		return true
	}
	var rest []string
	for _, id := range open {
		if !give(id, p.workers[id]) {
			rest = append(rest, id)
		}
	}
	m := 0
	for _, id := range rest {
		if slices.ContainsFunc(l.parents[id], func(parent string) bool { return give(id, p.workers[parent]) }) {
			continue
		}
		for !give(id, members[m]) {
			m++
		}
	}
}

// room returns each member's share: the number of shards by that of members, rounded down, and one more for those who
// have more now.
func (p plan) room(members, open []string) map[string]int {
	has := make(map[string]int, len(members))
	for _, id := range open {
		has[p.workers[id]]++
	}
	order := slices.Clone(members)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(has[b], has[a]) })
	room := make(map[string]int, len(members))
	for i, id := range order {
		room[id] = len(open) / len(members)
		if i < len(open)%len(members) {
			room[id]++
		}
	}
	return room
}

// covers reports whether the plan has all listed shards.
func (p plan) covers(l listing) bool {
	return !slices.ContainsFunc(l.shards, func(s Shard) bool { return p.workers[s.ID] == "" })
}

// movers returns how many workers have shards in this plan that they had not in the former one.
func (p plan) movers(former plan) (n int) {
	for worker, shards := range p.shares {
		if slices.ContainsFunc(shards, func(shard string) bool { return former.workers[shard] != worker }) {
			n++
		}
	}
	return n
}

// pack returns the shares as they stand in the table: 10,000 shards of 500 workers take some 30 KB.
func (p plan) pack() []byte {
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression) // fails for an unknown level only
	_ = json.NewEncoder(w).Encode(p.shares)                 // into memory
	_ = w.Close()
	return packed.Bytes()
}

// unpackPlan is the reverse of pack.
func unpackPlan(version int64, packed []byte, now time.Time) (plan, error) {
	p := plan{version: version, workers: map[string]string{}, read: now}
	err := json.NewDecoder(flate.NewReader(bytes.NewReader(packed))).Decode(&p.shares)
	if err != nil {
		return plan{version: version, read: now}, fmt.Errorf("read plan: %w", err)
	}
	for worker, shards := range p.shares {
		for _, shard := range shards {
			p.workers[shard] = worker
		}
	}
	return p, nil
}
