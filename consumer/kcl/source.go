package kcl

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/sequence"
)

// source gives the records of one shard, page by page. Not safe for concurrent use, but for last.
type source interface {
	// next returns the page after a position, when there is one. A read that failed gives an empty page, and the next
	// call repeats it; meanwhile batches can end by age. The error is errGone, or the cause of the context's end.
	next(ctx context.Context, after sequence.Number) (page, error)
	// last returns what the last page said of the shard.
	last() reading
}

// page is what came at once.
type page struct {
	records []types.Record
	at      sequence.Number // of the last record of this and all former pages, or the position that reading began after
	read    bool            // false: the read failed, and is to be repeated
	end     bool            // the shard is closed, and nothing follows
}

// reading is what a page says of the shard, with all that was read before.
type reading struct {
	called  time.Time     // when the page was asked for
	behind  time.Duration // MillisBehindLatest
	clock   time.Duration // what Kinesis' clock was ahead of ours; its records are dated by it
	records uint64        // read since the lease was acquired
}

// now is the behind of this moment: it grows while no page is read.
func (r reading) now() time.Duration { return r.behind + time.Since(r.called) }

// errGone means that the shard is not part of the stream any more, or the stream does not exist.
var errGone = errors.New("shard or stream does not exist any more")

// cursor is how far a shard was read. Every source has one.
type cursor struct {
	shardID string
	start   time.Time       // initial position of a shard without a position; zero: TRIM_HORIZON
	at      sequence.Number // the last record read, or the position to read after
	tracker *stall.Tracker
	metrics *Metrics
	log     *logrus.Entry
	newest  atomic.Pointer[reading]
}

func (c *cursor) last() reading { return *c.newest.Load() }

// moved notes records that were read, which lag behind the tip, and returns their size. A server time of zero is unknown.
func (c *cursor) moved(records []types.Record, behind time.Duration, called, server time.Time) (bytes int) {
	for _, record := range records {
		bytes += len(record.Data) + len(aws.ToString(record.PartitionKey))
	}
	if n := len(records); n > 0 {
		if last, err := sequence.Parse(aws.ToString(records[n-1].SequenceNumber)); err == nil {
			c.at = last
		}
	}
	before := c.last()
	now := &reading{called: called, behind: behind, clock: before.clock, records: before.records + uint64(len(records))}
	if !server.IsZero() {
		now.clock = time.Until(server)
	}
	c.newest.Store(now)
	c.metrics.read(len(records), bytes)
	return bytes
}
