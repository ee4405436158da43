package journal

import (
	"math/bits"
	"sync"
)

// settled is a set of places. Those before base are in it. Safe for concurrent use.
type settled struct {
	mu    sync.Mutex
	base  uint64   // a multiple of 64
	words []uint64 // a bit for each place from base on
}

func newSettled(before uint64) settled {
	return settled{base: before &^ 63, words: []uint64{1<<(before%64) - 1}}
}

func (s *settled) add(place uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place < s.base {
		return
	}
	at := int((place - s.base) / 64)
	for len(s.words) <= at {
		s.words = append(s.words, 0)
	}
	s.words[at] |= 1 << (place % 64)
	full := 0
	for full < len(s.words) && s.words[full] == ^uint64(0) {
		full++
	}
	s.words, s.base = s.words[full:], s.base+uint64(full)*64
}

// first returns the first place that is not in the set.
func (s *settled) first() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.words) == 0 {
		return s.base
	}
	return s.base + uint64(bits.TrailingZeros64(^s.words[0]))
}
