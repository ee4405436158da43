package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/sequence"
)

// Source is the stream that the records came from. One goroutine at a time reads it, each shard from its oldest record
// to its newest.
type Source interface {
	// Name is the stream's name, as it stands in dead letters.
	Name() string
	// Range calls each for every record of a shard after one sequence number, up to and with another. The ranges of a
	// shard are asked for in ascending order. It returns the oldest sequence number of the shard that the stream
	// holds, zero if there is none.
	Range(ctx context.Context, shard string, after, last sequence.Number, each func(Record)) (oldest sequence.Number, err error)
	// Rest calls each for every record after the last range of its shard, of every shard that the stream lists.
	Rest(ctx context.Context, each func(shard string, r Record)) error
}

// Record is one record of the stream. Its data is not to be changed.
type Record struct {
	Number       sequence.Number
	Arrived      time.Time
	PartitionKey string
	Data         []byte
	HashKeys     hashkey.Range // of the shard that it was read from
}

// comparison compares links with the stream.
type comparison struct {
	source Source // nil: nothing is compared
	seed   maphash.Seed
	report *Report
	calls  *calls
	read   map[string]sequence.Number // by shard: how far it was read
	next   map[string]turn            // by shard: the day that the next record must have arrived on
	known  identities                 // that the links so far have
}

// turn is a link that names another day than its own for what comes after it.
type turn struct{ key, day string }

// link checks that a link has what the stream has: the same records, as often, in the same order, and in the partition
// of their day. A link whose first record the stream does not hold any more cannot be compared.
func (c *comparison) link(ctx context.Context, o object) (compared bool, err error) {
	if c.source == nil {
		return false, nil
	}
	after, err := c.before(ctx, o.link)
	if err != nil || o.link.First.IsZero() {
		return false, err
	}
	want := wanted{comparison: c, link: o.link}
	oldest, err := c.source.Range(ctx, o.link.Shard, after, o.link.Last, want.add)
	if err != nil {
		return false, err
	}
	if oldest.IsZero() || oldest.After(o.link.First) {
		c.report.Uncompared++
		return false, nil
	}
	c.report.Compared++
	if o.link.Rejected > 0 {
		c.report.rejectingCompared++
	}
	if want.first != o.link.First || want.last != o.link.Last {
		c.report.fault(Misplaced, "%q: its metadata says from %s to %s, the stream has there, and in no link before, from %q to %q",
			o.key, o.link.First, o.link.Last, want.first, want.last)
	}
	if want.late > 0 {
		c.report.faults(WrongDay, want.late, "%q: %d records arrived on a later day", o.key, want.late)
	}
	lines := sorted(want.lines, o.lines)
	letters := sorted(want.letters, o.deadLetters)
	c.copies(o, want.copies)
	c.lines(o, inOrderOf(lines, o.lines, want.lines))
	c.letters(o, letters)
	return true, nil
}

// before reads the stream up to where a link begins. What it has there is in no object, unless the chain begins there.
// It returns where to go on: after the link before, or after what another link has, too, if they overlap.
func (c *comparison) before(ctx context.Context, link warehouse.Link) (after sequence.Number, err error) {
	from, begun := c.read[link.Shard]
	if !begun && link.Day == warehouse.FirstDay {
		from = link.Previous
	}
	if !from.After(link.Last) {
		c.read[link.Shard] = link.Last
	}
	if !link.Previous.After(from) {
		return from, nil
	}
	lost := 0
	_, err = c.source.Range(ctx, link.Shard, from, link.Previous, func(r Record) {
		c.arrived(link.Shard, r)
		lost += c.miss(r)
	})
	if lost > 0 {
		c.report.faults(Lost, lost, "%q: %d records that the stream has before it are in no object", link.Key(), lost)
	}
	return link.Previous, err
}

// turns notes the day that a link names for the record after it, if the stream holds that record. compared: it has the
// link's records.
func (c *comparison) turns(link warehouse.Link, compared bool) {
	if c.source != nil && compared && link.NextDay > link.Day {
		c.next[link.Shard] = turn{link.Key(), link.NextDay}
	}
}

// arrived checks the day of a record against the one that the link before it names.
func (c *comparison) arrived(shard string, r Record) {
	if turn, ok := c.next[shard]; ok {
		delete(c.next, shard)
		if day := warehouse.Day(r.Arrived); day != turn.day {
			c.report.fault(WrongDay, "%q: names %s as the next day, the record after it arrived on %s", turn.key, turn.day, day)
		}
	}
}

// miss counts the user records of a record that is in no object.
func (c *comparison) miss(r Record) int {
	outcomes := reference.Outcomes(r.Data, r.HashKeys)
	for _, o := range outcomes {
		l := letterFor(o, "", "", r, c.seed)
		c.calls.miss(l.call)
	}
	return len(outcomes)
}

// How a copy is stored, if it is.
var (
	asAny       = func(c *copied) { c.kept = true }
	asSuspected = func(c *copied) { c.suspected = true }
)

// wanted is what the stream says a link should have.
type wanted struct {
	*comparison
	link        warehouse.Link
	lines       []expected[line]
	letters     []expected[letter]
	copies      []*copied
	first, last sequence.Number
	late        int // records that arrived after the day of the link
}

func (w *wanted) add(r Record) {
	w.arrived(w.link.Shard, r)
	if w.first.IsZero() {
		w.first = r.Number
	}
	w.last = r.Number
	if warehouse.Day(r.Arrived) > w.link.Day {
		w.late++
	}
	hashKeys := r.HashKeys
	if w.link.AnyShard {
		hashKeys = hashkey.Range{Last: hashkey.Max()}
	}
	for _, o := range reference.Outcomes(r.Data, hashKeys) {
		w.expect(r, o)
	}
}

// expect notes what a user record should be in the link: a line or a dead letter, and what else if it is a copy.
func (w *wanted) expect(r Record, o reference.Outcome) {
	copy := w.copyOf(r, o)
	asLetter := letterFor(o, w.link.Shard, w.source.Name(), r, w.seed)
	if o.Reason != "" {
		w.letters = append(w.letters, expected[letter]{asLetter, copy, asAny})
	} else {
		w.lines = append(w.lines, expected[line]{lineOf(w.link.Format, o.Line, w.seed), copy, asAny})
	}
	if copy == nil {
		return
	}
	copy.call = asLetter.call
	w.copies = append(w.copies, copy)
	if !copy.again {
		o.Reason = suspectedCopy
		w.letters = append(w.letters, expected[letter]{letterFor(o, w.link.Shard, w.source.Name(), r, w.seed), copy, asSuspected})
	}
}

// lines reports how the lines of a link differ from those it should have.
func (c *comparison) lines(o object, want []line) {
	if slices.Equal(want, o.lines) {
		return
	}
	missing, extra := difference(want, o.lines), difference(o.lines, want)
	altered := 0
	for call, n := range missing {
		if call != 0 {
			same := min(n, extra[call])
			altered += same
			missing[call], extra[call] = n-same, extra[call]-same
		}
	}
	lost, more := 0, 0
	for call, n := range missing {
		lost += n
		for range n {
			c.calls.miss(call)
		}
	}
	for _, n := range extra {
		more += n
	}
	place := fmt.Sprintf("%q, from %s to %s", o.key, o.link.First, o.link.Last)
	if altered > 0 {
		c.report.faults(Altered, altered, "%s: %d records that the stream has otherwise", place, altered)
	}
	if lost > 0 {
		c.report.faults(Lost, lost, "%s: %d records of the stream", place, lost)
	}
	if more > 0 {
		c.report.faults(Duplicates, more, "%s: %d records that the stream has elsewhere, or not so often", place, more)
	}
	if altered+lost+more == 0 {
		c.report.fault(OutOfOrder, "%s: the stream has another order", place)
	}
}

// difference counts the lines that are in one list and not, or not so often, in another, by the hash of their call_id.
func difference(one, other []line) map[uint64]int {
	left := map[line]int{}
	for _, l := range other {
		left[l]++
	}
	by := map[uint64]int{}
	for _, l := range one {
		if left[l]--; left[l] < 0 {
			by[l.call]++
		}
	}
	return by
}

// letters reports dead letters that are not those of the stream, byte by byte, with their reasons. If they are not as
// many as the link says, that was reported.
func (c *comparison) letters(o object, want []letter) {
	if len(o.deadLetters) != o.link.Rejected {
		return
	}
	if len(want) != len(o.deadLetters) {
		c.report.fault(DeadLetterFaults, "%q: %d dead letters, the stream has %d records to be rejected", o.key, len(o.deadLetters), len(want))
		return
	}
	for i, l := range o.deadLetters {
		if l != want[i] {
			c.report.fault(DeadLetterFaults, "%q: entry %d is not what the stream has at %s", o.link.DeadLetters, i+1, want[i].number)
		}
	}
}

// rest counts the user records that the stream holds after the ends of the chains.
func (c *comparison) rest(ctx context.Context) error {
	if c.source == nil {
		return nil
	}
	lost := map[string]int{} // by shard
	err := c.source.Rest(ctx, func(shard string, r Record) {
		c.arrived(shard, r)
		lost[shard] += c.miss(r)
	})
	if err != nil {
		return err
	}
	for _, shard := range slices.Sorted(maps.Keys(lost)) {
		if n := lost[shard]; n > 0 {
			c.report.faults(Lost, n, "%s: %d records of the stream after the end of its chain", shard, n)
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(c.next)) {
		turn := c.next[shard]
		c.report.fault(WrongDay, "%q: names %s as the next day, and the stream has no record after it", turn.key, turn.day)
	}
	return nil
}
