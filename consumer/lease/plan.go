package lease

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// view is the distribution of the leases as one worker sees it. It is the input of the plan and knows neither time nor
// I/O.
type view struct {
	me      string
	workers []string // live ones, me included
	leases  []leaseView
}

// leaseView is one lease that can be held now: its shard is listed, unfinished, and its parents are finished.
type leaseView struct {
	shardID    string
	owner      string // "" if free: unowned, expired, or written by a lost acquisition of this very process
	claim      string // of a live worker, "" otherwise
	draining   bool   // mine, and about to be released
	passedOver bool   // free, although each worker with room for it has had the time to acquire it
}

// plan is what the worker does about it.
type plan struct {
	acquire []string // free leases, best first
	claim   []string // leases of others
	grant   []string // claims on mine: the lease goes to its claimant
	decline []string // claims on mine that would make the distribution worse
}

// decide computes the plan. n leases over w workers make a fair share of n/w: floor is that rounded down, ceil rounded
// up. A worker acquires free leases up to ceil. Below floor it claims leases of workers that have more than floor. At
// floor it claims only from a worker that has two more than itself. An owner grants claims as long as it keeps floor.
// So each hand-over brings two loads closer, and a balanced table is at rest.
//
// To read all shards matters more than fair shares. A lease may stay free because a worker that counts stops, or does
// not acquire its share. Such a lease is passed over; each worker acquires one of them a look, beyond its share.
func (v view) decide() plan {
	floor := len(v.leases) / len(v.workers)
	ceil := (len(v.leases) + len(v.workers) - 1) / len(v.workers)
	load := v.loads()
	released, free, passedOver := v.acquirable()
	room := max(0, min(ceil-load[v.me], len(free)))
	p := plan{acquire: append(released, free[:room]...)}
	if room == 0 && len(passedOver) > 0 {
		p.acquire = append(p.acquire, passedOver[0])
	}
	if room == len(free) { // claim only when there is nothing left to acquire
		p.claim = v.claims(load[v.me]+room, floor, load)
	}
	p.grant, p.decline = v.answers(floor)
	return p
}

// loads counts what each worker will have once all claims are granted.
func (v view) loads() map[string]int {
	load := make(map[string]int, len(v.workers))
	for _, l := range v.leases {
		if l.claim != "" {
			load[l.claim]++
		} else if l.owner != "" {
			load[l.owner]++
		}
	}
	return load
}

// acquirable returns the leases that were released for me, and those that are free for all, and of these the ones that
// were passed over. The order is my own, so that workers that start together do not all try the same lease first.
func (v view) acquirable() (released, free, passedOver []string) {
	for _, l := range v.leases {
		switch {
		case l.owner == "" && l.claim == v.me:
			released = append(released, l.shardID)
		case l.owner == "" && l.claim == "":
			free = append(free, l.shardID)
			if l.passedOver {
				passedOver = append(passedOver, l.shardID)
			}
		}
	}
	mine := func(a, b string) int { return cmp.Compare(rank(v.me, a), rank(v.me, b)) }
	slices.SortFunc(free, mine)
	slices.SortFunc(passedOver, mine)
	return released, free, passedOver
}

// claims picks the leases to claim, those of the most loaded workers first. mine is how many I have without them.
func (v view) claims(mine, floor int, load map[string]int) (picked []string) {
	candidates := slices.DeleteFunc(slices.Clone(v.leases), func(l leaseView) bool {
		return l.owner == "" || l.owner == v.me || l.claim != ""
	})
	slices.SortFunc(candidates, func(a, b leaseView) int { return cmp.Compare(rank(v.me, a.shardID), rank(v.me, b.shardID)) })
	for {
		var best *leaseView
		for i := range candidates {
			if c := &candidates[i]; c.claim == "" && (best == nil || load[c.owner] > load[best.owner]) {
				best = c
			}
		}
		if best == nil || !worthMoving(load[best.owner], mine, floor) {
			return picked
		}
		best.claim = v.me
		load[best.owner]--
		mine++
		picked = append(picked, best.shardID)
	}
}

// worthMoving reports whether a lease should move from a worker with load from to one with load to.
func worthMoving(from, to, floor int) bool {
	if to < floor {
		return from > floor
	}
	return to == floor && from >= floor+2
}

// answers decides about the claims on my leases.
func (v view) answers(floor int) (grant, decline []string) {
	mine := 0
	for _, l := range v.leases {
		if l.owner == v.me && !l.draining {
			mine++
		}
	}
	for _, l := range v.leases {
		if l.owner != v.me || l.draining || l.claim == "" || l.claim == v.me {
			continue
		}
		if mine > floor {
			mine--
			grant = append(grant, l.shardID)
		} else {
			decline = append(decline, l.shardID)
		}
	}
	return grant, decline
}

// rank orders shards differently for every worker.
func rank(worker, shardID string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(worker))
	h.Write([]byte(shardID))
	sum := h.Sum64()
	sum ^= sum >> 33 // the last bytes alone change only the low bits
	return sum * 0xff51afd7ed558ccd
}
