package main

import (
	"slices"
	"testing"
	"time"
)

// deal returns the names of the faults of a plan until it is complete, and the number of waves.
func deal(seed uint64, total time.Duration) (names []string, waves int) {
	for p := newPlan(seed, kinds(), total); !p.complete(); waves++ {
		for _, f := range p.next() {
			names = append(names, f.kind.name)
		}
	}
	return names, waves
}

func TestEveryKindComesOnceBeforeAnyComesAgain(t *testing.T) {
	var all []string
	for _, k := range kinds() {
		all = append(all, k.name)
	}
	slices.Sort(all)
	for seed := range uint64(50) {
		for _, total := range []time.Duration{time.Second, 45 * time.Second, time.Hour} {
			names, waves := deal(seed, total)
			if slices.Sort(names); !slices.Equal(names, all) {
				t.Fatalf("seed %d, %v: %v, want %v", seed, total, names, all)
			}
			if most := max(1, int(total/waveLength)); waves > most {
				t.Errorf("seed %d, %v: %d waves, there is time for %d", seed, total, waves, most)
			}
		}
	}
}

func TestASeedRepeatsThePlan(t *testing.T) {
	first, _ := deal(7, time.Hour)
	again, _ := deal(7, time.Hour)
	other, _ := deal(8, time.Hour)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("seed 7 dealt %v, then %v; seed 8 %v", first, again, other)
	}
}
