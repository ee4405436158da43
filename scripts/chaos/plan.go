package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	waveMost   = 5                // faults that overlap
	waveLength = 15 * time.Second // roughly, with the recovery
)

// plan deals the kinds out in waves, so that every kind has its turn before any has its second.
type plan struct {
	rng   *rand.Rand
	kinds []kind
	deck  []kind
	least int // faults in a wave, so that every kind comes once in the time there is
	dealt int // faults so far
}

// planned is one fault to be.
type planned struct {
	kind  kind
	rng   *rand.Rand    // its own, so that its choices do not depend on when others make theirs
	delay time.Duration // after the beginning of its wave
}

func newPlan(seed uint64, kinds []kind, total time.Duration) *plan {
	waves := max(1, int(total/waveLength))
	return &plan{rng: rand.New(rand.NewPCG(seed, 0)), kinds: kinds, least: (len(kinds) + waves - 1) / waves}
}

// next returns a wave: every third has a single fault, unless time is short.
func (p *plan) next() (wave []planned) {
	size := 1
	if p.rng.IntN(3) > 0 {
		size = 2 + p.rng.IntN(waveMost-1)
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

// complete reports that every kind had its turn.
func (p *plan) complete() bool { return p.dealt >= len(p.kinds) }

// fault is one fault that is being injected.
type fault struct {
	*chaos
	kind    kind
	rng     *rand.Rand
	ctx     context.Context // ends early when the run is interrupted
	company bool            // others overlap with it
	marked  *mark
}

// inject injects the fault and returns when it is over. One that cannot be injected now is told of, and left out.
func (f *fault) inject() {
	err := f.kind.do(f)
	f.mu.Lock()
	if err == nil {
		f.injected[f.kind.name]++
	} else {
		f.skipped[f.kind.name] = err.Error()
	}
	f.mu.Unlock()
	if err != nil {
		f.note("not injected: %v", err)
	}
}

// hits tells that the fault begins to hurt. The recovery counts from the last time it does, or from [fault.over].
func (f *fault) hits(format string, args ...any) {
	f.note(format, args...)
	f.marked = f.watch.mark(nil, f.kind.name, f.company)
}

// over tells that the fault has ended that nobody could recover from before.
func (f *fault) over() { f.marked = f.watch.mark(f.marked, f.kind.name, f.company) }

func (f *fault) note(format string, args ...any) {
	f.say("%-22s %s", f.kind.name, fmt.Sprintf(format, args...))
}

// hold waits, unless the run is interrupted.
func (f *fault) hold(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

// between is a random duration, in full milliseconds.
func (f *fault) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(f.rng.Int64N(int64(most-least)))).Round(time.Millisecond)
}

// consumer takes a running consumer in hand, once no other fault has it.
func (f *fault) consumer() (*consumer, error) {
	for range 100 {
		if c := f.fleet.take(f.rng); c != nil {
			return c, nil
		}
		f.hold(200 * time.Millisecond)
	}
	return nil, errors.New("every consumer is in the hands of another fault")
}
