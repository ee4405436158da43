package main

import (
	"math/rand/v2"
	"time"
)

const (
	mostFaults = 5                // in a wave
	waveLength = 15 * time.Second // roughly, with the recovery
)

// plan deals the kinds of faults out in waves. Every kind comes once before any comes a second time.
type plan struct {
	rng   *rand.Rand
	kinds []kind
	deck  []kind // those whose turn is still to come
	least int    // faults in a wave: with fewer, not every kind would come in the time there is
	dealt int    // faults so far
}

// planned is a fault that is still to be injected.
type planned struct {
	kind  kind
	rng   *rand.Rand    // its own: its choices do not depend on when other faults make theirs
	delay time.Duration // from the beginning of its wave
}

func newPlan(seed uint64, kinds []kind, total time.Duration) *plan {
	waves := max(1, int(total/waveLength))
	return &plan{rng: rand.New(rand.NewPCG(seed, 0)), kinds: kinds, least: (len(kinds) + waves - 1) / waves}
}

// next returns the next wave. Every third has a single fault, unless time is short.
func (p *plan) next() (wave []planned) {
	size := 1
	if p.rng.IntN(3) > 0 {
		size = 2 + p.rng.IntN(mostFaults-1)
	}
	for range max(size, p.least) {
		if len(p.deck) == 0 {
			p.deck = append(p.deck, p.kinds...)
			p.rng.Shuffle(len(p.deck), func(i, j int) { p.deck[i], p.deck[j] = p.deck[j], p.deck[i] })
		}
		wave = append(wave, planned{kind: p.deck[0], rng: rand.New(rand.NewPCG(p.rng.Uint64(), 0)),
			delay: time.Duration(p.rng.Int64N(int64(2 * time.Second)))})
		p.deck = p.deck[1:]
		if p.dealt++; p.dealt == len(p.kinds) {
			break
		}
	}
	return wave
}

// complete reports that every kind came.
func (p *plan) complete() bool { return p.dealt >= len(p.kinds) }
