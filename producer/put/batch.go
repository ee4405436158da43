package put

import "time"

// Limits of one PutRecords call (API reference, PutRecords: 500 records; 10 MiB with partition keys, of which we use
// less than half because the call carries them as base64 and a smaller one fails and repeats more cheaply). A single
// record that is larger travels in a call of its own.
const (
	maxBatchUnits = 500
	maxBatchBytes = 4 << 20
)

// shares is how much of a batch u fills, in units or in bytes.
func shares(u *unit) int { return 1 + u.bytes()/(maxBatchBytes/maxBatchUnits) }

// batch is the next PutRecords call being put together.
type batch struct {
	units  []*unit
	bytes  int
	shares int
	since  time.Time // when it was begun
	oldest time.Time // birth of the oldest record
	full   bool      // nothing more fits
}

// fits also notes, if u does not fit, that the batch is full.
func (b *batch) fits(u *unit) bool {
	if len(b.units) > 0 && (len(b.units) == maxBatchUnits || b.bytes+u.bytes() > maxBatchBytes) {
		b.full = true
	}
	return !b.full
}

func (b *batch) add(u *unit, now time.Time) {
	if len(b.units) == 0 {
		b.since = now
	}
	b.oldest = earlier(b.oldest, u.born())
	b.units = append(b.units, u)
	b.bytes += u.bytes()
	b.shares += shares(u)
	b.full = len(b.units) == maxBatchUnits
}

// earlier returns the earlier of two times, the zero time counting as none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
