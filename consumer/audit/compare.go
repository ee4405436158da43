package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/sequence"
)

// Source is the stream that the records came from. One goroutine at a time reads it, each shard from its oldest record
// to its newest.
type Source interface {
	// Range calls each for every record of a shard after one sequence number, up to and with another. The ranges of a
	// shard are asked for in ascending order. It returns the oldest sequence number of the shard that the stream
	// holds, zero if there is none.
	Range(ctx context.Context, shard string, after, last sequence.Number, each func(Record)) (oldest sequence.Number, err error)
	// Rest calls each for every record after the last range of its shard, of every shard that the stream lists.
	Rest(ctx context.Context, each func(shard string, r Record)) error
}

// Record is one record of the stream. Its data is not to be changed.
type Record struct {
	Data     []byte
	HashKeys hashkey.Range // of the shard that it was read from
}

// comparison compares links with the stream.
type comparison struct {
	source Source // nil: nothing is compared
	seed   maphash.Seed
	report *Report
}

// link checks that a link has what the stream has: the same records, as often, in the same order. A link whose first
// record the stream does not hold any more cannot be compared.
func (c comparison) link(ctx context.Context, o object) error {
	if c.source == nil || o.link.First.IsZero() {
		return nil
	}
	var want []uint64
	rejected := 0
	oldest, err := c.source.Range(ctx, o.link.Shard, o.link.Previous, o.link.Last, func(r Record) {
		for _, outcome := range reference.Outcomes(r.Data, r.HashKeys) {
			if outcome.Reason != "" {
				rejected++
			} else {
				want = append(want, textHash(o.link.Format, outcome.Line, c.seed))
			}
		}
	})
	if err != nil {
		return err
	}
	if oldest.IsZero() || oldest.After(o.link.First) {
		c.report.Uncompared++
		return nil
	}
	c.report.Compared++
	var have []uint64
	for _, l := range o.lines {
		have = append(have, l.text)
	}
	c.differ(o, want, have)
	if len(o.deadLetters) != rejected {
		c.report.fault(DeadLetterFaults, "%s: %d dead letters, the stream has %d records to be rejected", o.key, len(o.deadLetters), rejected)
	}
	return nil
}

// differ reports how what a link has differs from what it should have.
func (c comparison) differ(o object, want, have []uint64) {
	if slices.Equal(want, have) {
		return
	}
	surplus := map[uint64]int{} // copies that are there, less those that should be
	for _, h := range have {
		surplus[h]++
	}
	for _, h := range want {
		surplus[h]--
	}
	lost, extra := 0, 0
	for _, n := range surplus {
		lost, extra = lost+max(0, -n), extra+max(0, n)
	}
	place := fmt.Sprintf("%s, from %s to %s", o.key, o.link.First, o.link.Last)
	if lost > 0 {
		c.report.faults(Lost, lost, "%s: %d records of the stream", place, lost)
	}
	if extra > 0 {
		c.report.faults(Duplicates, extra, "%s: %d records that the stream has elsewhere, or not so often", place, extra)
	}
	if lost+extra == 0 {
		c.report.fault(OutOfOrder, "%s: the stream has another order", place)
	}
}

// rest counts the user records that the stream holds after the ends of the chains.
func (c comparison) rest(ctx context.Context) error {
	if c.source == nil {
		return nil
	}
	lost := map[string]int{} // by shard
	err := c.source.Rest(ctx, func(shard string, r Record) {
		lost[shard] += len(reference.Outcomes(r.Data, r.HashKeys))
	})
	if err != nil {
		return err
	}
	for _, shard := range slices.Sorted(maps.Keys(lost)) {
		if n := lost[shard]; n > 0 {
			c.report.faults(Lost, n, "%s: %d records of the stream after the end of its chain", shard, n)
		}
	}
	return nil
}
