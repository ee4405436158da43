package audit

import (
	"math"
	"slices"

	"example.com/callevents/consumer/audit/reference"
)

// identities are the events that links have, by their identity, up to where the stream was read. A bit each, in blocks of 64
// numbers: the numbers of a lane follow each other.
type identities map[block]uint64

type block struct{ run, lane, numbers uint64 }

// add reports whether all events from a number on, so many, were there.
func (s identities) add(id reference.Identity, count int) (before bool) {
	before = true
	for n := range uint64(count) {
		number := id.Number + n
		b, bit := block{id.Run, id.Lane, number / 64}, uint64(1)<<(number%64)
		before = before && s[b]&bit != 0
		s[b] |= bit
	}
	return before
}

// copied is a user record of the stream whose event a link has already, or may have.
type copied struct {
	count     int    // of user records; more than one if they are one dead letter
	call      uint64 // hash of the call_id
	again     bool   // the producer marked it: it is to be dropped. Otherwise it is to be a suspected copy
	unsure    bool   // the stream does not hold the copy before, if there was one: then either is right
	kept      bool   // it is stored like any record
	suspected bool   // it is a dead letter as a suspected copy
}

// copyOf says whether a user record is a copy, and notes that a link has its event. nil: it is none.
func (c *comparison) copyOf(r Record, o reference.Outcome) *copied {
	id, ok := reference.IdentityOf(r.PartitionKey, r.HashKeys)
	count := max(1, o.Count)
	if !ok || uint64(o.SubSequence+count) > math.MaxUint64-id.Number {
		return nil
	}
	id.Number += uint64(o.SubSequence)
	unsure := c.report.Uncompared > 0 || len(c.report.Removed) > 0
	if c.known.add(id, count) {
		return &copied{count: count, again: id.Again}
	}
	if unsure {
		return &copied{count: count, again: id.Again, unsure: true}
	}
	return nil
}

// expected is a line or a dead letter that a link should have, or, if it is a copy's, may have.
type expected[T comparable] struct {
	what T
	copy *copied
	kept func(*copied) // notes that the copy is stored so
}

// sorted takes out of what is expected the copies that a link does not have, and notes those that it has.
func sorted[T comparable](want []expected[T], have []T) (list []T) {
	left := map[T]int{}
	for _, h := range have {
		left[h]++
	}
	for _, e := range want {
		if e.copy == nil {
			left[e.what]--
		}
	}
	for _, e := range want {
		if e.copy != nil {
			if left[e.what] <= 0 {
				continue
			}
			left[e.what]--
			e.kept(e.copy)
		}
		list = append(list, e.what)
	}
	return list
}

// inOrderOf puts what is equal but for the order of copies into the order of have: of two equal lines either may be the copy.
func inOrderOf(list, have []line, want []expected[line]) []line {
	if slices.Equal(list, have) {
		return list
	}
	at := 0
	for _, e := range want {
		if at < len(have) && have[at] == e.what {
			at++
		} else if e.copy == nil {
			return list
		}
	}
	if at == len(have) {
		return have
	}
	return list
}

// copies judges what became of the copies in a link.
func (c *comparison) copies(o object, copies []*copied) {
	dropped := 0
	for _, one := range copies {
		switch {
		case one.kept && one.suspected, one.kept && !one.unsure:
			c.report.faults(Duplicates, one.count, "%q: a copy of an event that is there, from %s to %s", o.key, o.link.First, o.link.Last)
		case one.kept, one.suspected:
		case one.again:
			dropped += one.count
			if one.unsure {
				c.calls.elsewhere(one.call, o.key)
			}
		default:
			c.report.faults(Lost, one.count, "%q: a first send of the stream, from %s to %s", o.key, o.link.First, o.link.Last)
		}
	}
	c.report.CopiesDropped += dropped
	if dropped != o.link.Copies {
		c.report.fault(WrongCounts, "%q: %d copies were dropped, its metadata says %d", o.key, dropped, o.link.Copies)
	}
}
