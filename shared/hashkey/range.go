package hashkey

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Range is a shard's hash key range. Both ends belong to it, so the last shard can end at 2^128-1, and a range
// of one key has First == Last.
type Range struct{ First, Last Key }

// ParseRange reads both ends; they must not be in the wrong order.
func ParseRange(first, last string) (Range, error) {
	f, err := Parse(first)
	if err != nil {
		return Range{}, err
	}
	l, err := Parse(last)
	if err != nil {
		return Range{}, err
	}
	if f.Compare(l) > 0 {
		return Range{}, fmt.Errorf("hash key range %s-%s ends before it starts", first, last)
	}
	return Range{f, l}, nil
}

// Contains reports whether k lies in r.
func (r Range) Contains(k Key) bool { return r.First.Compare(k) <= 0 && k.Compare(r.Last) <= 0 }

// Draw returns a key of r, every one equally likely.
func (r Range) Draw(random *rand.Rand) Key {
	span := r.Last.minus(r.First) // keys in r less one; the count itself may need 129 bits
	var mask Key
	if span.hi > 0 {
		mask = Key{^uint64(0) >> bits.LeadingZeros64(span.hi), ^uint64(0)}
	} else {
		mask = Key{0, ^uint64(0) >> bits.LeadingZeros64(span.lo)}
	}
	for { // at least half of the masked values are within the span
		offset := Key{random.Uint64() & mask.hi, random.Uint64() & mask.lo}
		if offset.Compare(span) <= 0 {
			return r.First.plus(offset)
		}
	}
}

// DrawWord returns a key of r whose lower 64 bits are zero, as its upper 64 bits, every one equally likely. ok is false if r
// has none.
func (r Range) DrawWord(random *rand.Rand) (hi uint64, ok bool) {
	first := r.First.hi
	if r.First.lo > 0 {
		if first == ^uint64(0) {
			return 0, false
		}
		first++
	}
	if first > r.Last.hi {
		return 0, false
	}
	if span := r.Last.hi - first; span < ^uint64(0) {
		return first + random.Uint64N(span+1), true
	}
	return random.Uint64(), true
}

// CheckTiling reports the first gap or overlap of ranges that should cover every hash key exactly once, as the
// open shards of a stream do. Their order does not matter.
func CheckTiling(ranges []Range) error {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b Range) int { return a.First.Compare(b.First) })
	var next Key // the first key that is not covered yet
	for i, r := range sorted {
		switch {
		case i > 0 && next == Key{}: // wrapped: everything is covered already
			return fmt.Errorf("hash key ranges overlap at %s", r.First)
		case r.First.Compare(next) > 0:
			return fmt.Errorf("no hash key range covers %s to %s", next, r.First.minus(Key{0, 1}))
		case r.First.Compare(next) < 0:
			return fmt.Errorf("hash key ranges overlap at %s", r.First)
		}
		next = r.Last.plus(Key{0, 1})
	}
	if len(sorted) == 0 || next != (Key{}) {
		return fmt.Errorf("no hash key range covers %s to %s", next, Max())
	}
	return nil
}
