package put

import (
	"time"

	"example.com/callevents/producer/route"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
)

// Record is one event on its way to the stream.
type Record struct {
	Event event.Event
	To    route.Destination
	Born  time.Time // what the record TTL counts from
}

// unit is what Kinesis counts as one record: an event, or a container of many. Its partition key and explicit
// hash key stay the same however often it is sent.
type unit struct {
	data         []byte
	partitionKey string
	hashKey      string
	shard        *shard
	mapVersion   uint64
	records      []Record // oldest first, never empty
	attempts     int
	unknown      int       // attempts that ended without telling whether the unit is in the stream
	one          [1]Record // what records is of, if there is one
}

// bytes counts the partition key in, as Kinesis does.
func (u *unit) bytes() int { return len(u.data) + len(u.partitionKey) }

func (u *unit) born() time.Time { return u.records[0].Born }

// single returns a record as a unit of its own.
func single(r Record, to *shard, key hashkey.Key) *unit {
	u := &unit{data: r.Event.JSON, partitionKey: r.Event.CallID, hashKey: key.String(), shard: to, mapVersion: r.To.MapVersion, one: [1]Record{r}}
	u.records = u.one[:]
	return u
}
