package warehouse

import (
	"context"
	"fmt"
	"slices"

	"example.com/callevents/shared/sequence"
)

// Source tells what the records of a stream should have become. It is asked for one shard's ranges in ascending order,
// by one goroutine at a time.
type Source interface {
	// Range calls each for every user record of a shard after one sequence number, up to and with another: with the line
	// that it is to become, which each must not keep, or nil if it is to be rejected. It returns the oldest record of
	// the shard that the stream holds, zero if there is none.
	Range(ctx context.Context, shard string, after, last sequence.Number, each func(line []byte)) (oldest sequence.Number, err error)
	// Rest calls each for every shard that the stream lists, with the number of user records after what Range told of it.
	Rest(ctx context.Context, each func(shard string, records int)) error
}

// compare checks that a link has what the stream has: the same records, as often, in the same order. A link whose first
// record the stream does not hold any more cannot be compared.
func (v *verifier) compare(ctx context.Context, o object) error {
	if v.Source == nil || o.link.First.IsZero() {
		return nil
	}
	want, rejected := make([]uint64, 0, len(o.lines)), 0
	oldest, err := v.Source.Range(ctx, o.link.Shard, o.link.Previous, o.link.Last, func(text []byte) {
		if text == nil {
			rejected++
			return
		}
		want = append(want, textHash(o.link.Format, text, v.seed))
	})
	if err != nil {
		return err
	}
	if oldest.IsZero() || oldest.After(o.link.First) {
		v.report.Uncompared++
		return nil
	}
	v.report.Compared++
	have := make([]uint64, 0, len(o.lines))
	for _, l := range o.lines {
		have = append(have, l.text)
	}
	v.differ(o, want, have)
	if len(o.letters) != rejected {
		v.report.fault(DeadLetterFaults, "%s: %d dead letters, the stream has %d records to be rejected", o.key, len(o.letters), rejected)
	}
	return nil
}

// differ reports how what a link has differs from what it should have.
func (v *verifier) differ(o object, want, have []uint64) {
	if slices.Equal(want, have) {
		return
	}
	more := map[uint64]int{} // there, less what should be
	for _, h := range have {
		more[h]++
	}
	for _, h := range want {
		more[h]--
	}
	lost, extra := 0, 0
	for _, n := range more {
		lost, extra = lost+max(0, -n), extra+max(0, n)
	}
	place := fmt.Sprintf("%s, from %s to %s", o.key, o.link.First, o.link.Last)
	if lost > 0 {
		v.report.faults(Lost, lost, "%s: %d records of the stream", place, lost)
	}
	if extra > 0 {
		v.report.faults(Duplicates, extra, "%s: %d records that the stream has elsewhere, or not so often", place, extra)
	}
	if lost+extra == 0 {
		v.report.fault(OutOfOrder, "%s: the stream has another order", place)
	}
}

// compareRest counts what the stream holds after the ends of the chains.
func (v *verifier) compareRest(ctx context.Context) error {
	if v.Source == nil {
		return nil
	}
	return v.Source.Rest(ctx, func(shard string, records int) {
		if records > 0 {
			v.report.faults(Lost, records, "%s: %d records of the stream after the end of its chain", shard, records)
		}
	})
}
