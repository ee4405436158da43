package memory

import (
	"cmp"
	"slices"
)

// set is a set of numbers, as runs in ascending order. No two of them touch each other.
type set []run

// run are all numbers from first to last.
type run struct{ first, last uint64 }

// add adds a number and reports whether it was there.
func (s *set) add(n uint64) (before bool) {
	runs := *s
	i := len(runs) // the first run that does not end before n; mostly none
	if i > 0 && runs[i-1].last >= n {
		i, _ = slices.BinarySearchFunc(runs, n, func(r run, n uint64) int { return cmp.Compare(r.last, n) })
	}
	if i < len(runs) && runs[i].first <= n {
		return true
	}
	touchesBefore := i > 0 && runs[i-1].last == n-1
	touchesAfter := i < len(runs) && runs[i].first-1 == n
	switch {
	case touchesBefore && touchesAfter:
		runs[i-1].last = runs[i].last
		runs = slices.Delete(runs, i, i+1)
	case touchesBefore:
		runs[i-1].last = n
	case touchesAfter:
		runs[i].first = n
	default:
		runs = slices.Insert(runs, i, run{n, n})
	}
	*s = runs
	return false
}
