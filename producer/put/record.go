package put

import (
	"time"

	"example.com/callevents/producer/route"
	"example.com/callevents/shared/event"
)

// Record is one event on its way to the stream.
type Record struct {
	Event   event.Event
	To      route.Destination
	Created time.Time // the record TTL counts from here
}

// entry is one entry of a PutRecords request, which Kinesis counts as one record. It carries one event, or a container
// of many. Its partition key and explicit hash key stay the same however often it is sent.
type entry struct {
	data         []byte
	partitionKey string
	hashKey      string
	queue        *queue // of the shard that it was routed to
	mapVersion   uint64
	records      []Record  // oldest first, never empty
	one          [1]Record // backs records if there is only one
	attempts     int
	unknown      int // attempts with unknown outcome: each may have put the entry
}

// newEntry returns an entry for one record.
func newEntry(r Record, q *queue) *entry {
	e := &entry{data: r.Event.JSON, partitionKey: r.Event.CallID, hashKey: r.To.ExplicitHashKey.String(),
		queue: q, mapVersion: r.To.MapVersion, one: [1]Record{r}}
	e.records = e.one[:]
	return e
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
