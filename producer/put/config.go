package put

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/shared/event"
)

// Config of a sender. Only Stream or StreamARN is required.
type Config struct {
	Stream         string
	StreamARN      string        // instead of Stream
	Linger         time.Duration // how long a call, and a container, may wait for more records; 0: not at all
	InFlight       int           // calls at the same time; 0: 1
	ShardRecords   int           // limit of a shard in records per second; 0: no limit
	ShardBytes     int           // limit of a shard in bytes per second, partition keys included; 0: no limit
	MaxRecordBytes int           // size of the largest record that the stream takes, partition key included
	RecordTTL      time.Duration // age at which a record is given up; 0: never
	BlockAfter     time.Duration // Put blocks while the oldest unsent record is older; 0: it does not
	Aggregate      bool          // many events in one record, in the format of the KPL
	// StrictOrder puts one record at a time to each shard, with PutRecord. The shard then has its records in the order
	// in which Put was given them, also when some of them were sent again. A spilled record loses its place. Aggregate
	// must not be set.
	StrictOrder bool
}

func (c Config) streamName() *string {
	if c.StreamARN != "" {
		return nil
	}
	return aws.String(c.Stream)
}

func (c Config) streamARN() *string {
	if c.StreamARN == "" {
		return nil
	}
	return aws.String(c.StreamARN)
}

// Ledger lists the records that were acknowledged. Append returns when the lines would survive the end of the process.
// All records of one container have the same sequence number.
type Ledger interface {
	Append([]ledger.Line) error
}

// Spill keeps events. Write returns when they are on disk. After an error none of them is. It is safe for concurrent use.
type Spill interface {
	Write([]event.Event) error
}

// Journal is told of each record, by its place, that is acknowledged and in the ledger, or spilled, or aside: it must not be
// put again. Settled must return at once.
type Journal interface {
	Settled(place uint64)
}

// Files are where records go that are not on their way.
type Files struct {
	Ledger Ledger // those that were acknowledged; nil: none
	Spill  Spill  // those that were given up; a later run can put them
	Aside  Spill  // those that the stream refuses for what they are; no run can put them

	Journal Journal // nil: none
}

// Misrouted is called for each record that came out on another shard than it was routed to, with the version of the
// shard map that routed it. It must return at once.
type Misrouted func(mapVersion uint64)
