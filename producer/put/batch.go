package put

import "time"

// Limits of one PutRecords call. Kinesis takes 500 records, and 10 MiB with partition keys (API reference, PutRecords).
// We use less than half of the bytes: the call carries them as base64, and a smaller call fails and repeats more
// cheaply. A single record that is larger travels in a call of its own.
const (
	maxBatchEntries = 500
	maxBatchBytes   = 4 << 20
)

// weight is how much of a batch an entry fills, of maxBatchEntries: by its number or by its bytes.
func weight(e *entry) int { return 1 + e.bytes()/(maxBatchBytes/maxBatchEntries) }

// batch is the next PutRecords call while it is put together.
type batch struct {
	entries []*entry
	bytes   int
	weight  int
	begun   time.Time // when the first entry was added; the linger time counts from here
	oldest  time.Time // when the oldest record was created
	full    bool      // nothing more fits
}

// fits reports whether there is room for e. If not, the batch is full.
func (b *batch) fits(e *entry) bool {
	if len(b.entries) > 0 && (len(b.entries) == maxBatchEntries || b.bytes+e.bytes() > maxBatchBytes) {
		b.full = true
	}
	return !b.full
}

func (b *batch) add(e *entry, now time.Time) {
	if len(b.entries) == 0 {
		b.begun = now
	}
	b.entries = append(b.entries, e)
	b.bytes += e.bytes()
	b.weight += weight(e)
	b.oldest = earliest(b.oldest, e.created())
	b.full = len(b.entries) == maxBatchEntries
}
