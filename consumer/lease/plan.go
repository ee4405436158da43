package lease

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// view is the distribution of the leases as one worker sees it: input of the plan, free of time and of I/O.
type view struct {
	me      string
	workers []string // live ones, me included
	leases  []leaseView
}

// leaseView is one lease that can be held now: its shard is listed, unfinished, and its parents are finished.
type leaseView struct {
	shardID string
	owner   string // "" if free: unowned, expired, or left behind by this very process
	claim   string // of a live worker, "" otherwise
	leaving bool   // mine, and already on its way out
	overdue bool   // free, and whoever has room for it had time to take it
}

// plan is what the worker does about it.
type plan struct {
	take   []string // free leases, best first
	claim  []string // leases of others to ask for
	grant  []string // mine to hand over to their claimants
	refuse []string // mine whose claims would make the distribution worse
}

// decide computes the plan. The fair share is floor(n/w), and one more for the remainder. A worker takes free
// leases up to the rounded-up share; below the rounded-down share it claims from workers above it; at the
// rounded-down share it claims only from one that has two more than itself. An owner hands over as long as it
// keeps the rounded-down share. So each hand-over brings two loads closer, and a balanced table is at rest.
//
// Shares count for less than reading: what stays free, because a worker that counts is on its way out or does not take
// its share, is taken by whoever looks, one lease a look.
func (v view) decide() plan {
	floor := len(v.leases) / len(v.workers)
	most := floor
	if len(v.leases)%len(v.workers) > 0 {
		most++
	}
	load := v.loads()
	claimed, free, overdue := v.takeable()
	room := max(0, min(most-load[v.me], len(free)))
	p := plan{take: append(claimed, free[:room]...)}
	if room == 0 && len(overdue) > 0 {
		p.take = append(p.take, overdue[0])
	}
	if room == len(free) { // claim only when there is nothing left to take
		p.claim = v.claims(load[v.me]+room, floor, load)
	}
	p.grant, p.refuse = v.answers(floor)
	return p
}

// loads counts what each worker will have once the open claims are settled.
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

// takeable returns the leases that were claimed and released for me, and the others that are free, in an order of
// my own, so that workers that start together don't all try the same one first; and of these the overdue ones.
func (v view) takeable() (claimed, free, overdue []string) {
	for _, l := range v.leases {
		switch {
		case l.owner == "" && l.claim == v.me:
			claimed = append(claimed, l.shardID)
		case l.owner == "" && l.claim == "":
			free = append(free, l.shardID)
			if l.overdue {
				overdue = append(overdue, l.shardID)
			}
		}
	}
	mine := func(a, b string) int { return cmp.Compare(rank(v.me, a), rank(v.me, b)) }
	slices.SortFunc(free, mine)
	slices.SortFunc(overdue, mine)
	return claimed, free, overdue
}

// claims picks the leases to ask for, the most loaded workers first.
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
func (v view) answers(floor int) (grant, refuse []string) {
	mine := 0
	for _, l := range v.leases {
		if l.owner == v.me && !l.leaving {
			mine++
		}
	}
	for _, l := range v.leases {
		if l.owner != v.me || l.leaving || l.claim == "" || l.claim == v.me {
			continue
		}
		if mine > floor {
			mine--
			grant = append(grant, l.shardID)
		} else {
			refuse = append(refuse, l.shardID)
		}
	}
	return grant, refuse
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
