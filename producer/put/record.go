package put

import (
	"time"

	"example.com/callevents/producer/route"
	"example.com/callevents/shared/event"
)

// Record is one event on its way to the stream. Put gives the event the identity of its destination.
type Record struct {
	Event   event.Event
	To      route.Destination
	Created time.Time // the record TTL counts from here
	Place   uint64    // in the input, for a journal
}

// partitionKey is the identity of the event, or its call_id if it has none.
func (r *Record) partitionKey(again bool) string {
	if r.Event.ID.None() {
		return r.Event.CallID
	}
	return r.Event.ID.Key(again || r.To.Again)
}

// entry is one entry of a PutRecords request, which Kinesis counts as one record. It carries one event, or a container
// of many. Its identity and explicit hash key stay the same however often it is sent.
type entry struct {
	data         []byte
	partitionKey string // the identity of the first event, if it has one; marked if the entry may be in the stream
	hashKey      string
	queue        *queue // of the shard that it was routed to
	mapVersion   uint64
	records      []Record  // oldest first, never empty
	one          [1]Record // backs records if there is only one
	attempts     int
	again        bool // it may be in the stream
	unknown      int  // attempts with unknown outcome: each may have put the entry
}

// newEntry returns an entry for one record.
func newEntry(r Record, q *queue) *entry {
	e := &entry{data: r.Event.JSON, partitionKey: r.partitionKey(false), hashKey: r.To.ExplicitHashKey.String(),
		queue: q, mapVersion: r.To.MapVersion, one: [1]Record{r}}
	e.records = e.one[:]
	return e
}

// mark says that the entry may be in the stream, which the next attempt tells its readers.
func (e *entry) mark() {
	e.again = true
	e.partitionKey = e.records[0].partitionKey(true)
}

// bytes is the size as Kinesis counts it, partition key included.
func (e *entry) bytes() int { return len(e.data) + len(e.partitionKey) }

// created is when the oldest record of the entry was created.
func (e *entry) created() time.Time { return e.records[0].Created }

// eventBytes is the size of the events alone.
func (e *entry) eventBytes() (bytes int) {
	for i := range e.records {
		bytes += len(e.records[i].Event.JSON)
	}
	return bytes
}

// earliest returns the earliest of the times. A zero time counts as none; without any the result is zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if first.IsZero() || (!t.IsZero() && t.Before(first)) {
			first = t
		}
	}
	return first
}
