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
	tip     bool            // the page reached the tip of the shard, but for what arrived in the last second
	end     bool            // the shard is closed, and nothing follows
}

// reading is what a page says of the shard, with all that was read before.
type reading struct {
	called  time.Time     // when the page was asked for
	behind  time.Duration // MillisBehindLatest
	server  time.Time     // Kinesis' time at called, by which its records are dated; zero: unknown
	records uint64        // read since the lease was acquired
}

// now is the behind of this moment: it grows while no page is read.
func (r reading) now() time.Duration { return r.behind + time.Since(r.called) }

// kinesisTime is Kinesis' time at a moment of ours; zero: unknown. Our clock only measures how much time has passed.
func (r reading) kinesisTime(at time.Time) time.Time {
	if r.server.IsZero() {
		return r.server
	}
	return r.server.Add(at.Sub(r.called))
}

// dated returns Kinesis' time at called. Kinesis' clock showed date, which has no fractions of a second, or is unknown;
// and it showed no less than the arrival of a record that had come. What was known before says which part of the second
// it is. The result is early by no more than that, and late by no more than the call took.
func (r reading) dated(called, date, arrived time.Time) time.Time {
	server := r.kinesisTime(called)
	if !date.IsZero() {
		end := date.Add(time.Second)
		server, arrived = earlier(later(server, date), end), earlier(arrived, end)
	}
	return later(server, arrived)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

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

// moved notes records that were read, which lag behind the tip, and returns their size. date is what the server's clock
// showed, in whole seconds; zero: unknown.
func (c *cursor) moved(records []types.Record, behind time.Duration, called, date time.Time) (bytes int) {
	for _, record := range records {
		bytes += len(record.Data) + len(aws.ToString(record.PartitionKey))
	}
	var newest time.Time // Kinesis' time, as far as the last record tells it
	if n := len(records); n > 0 {
		last := records[n-1]
		if at, err := sequence.Parse(aws.ToString(last.SequenceNumber)); err == nil {
			c.at = at
		}
		if last.ApproximateArrivalTimestamp != nil {
			newest = last.ApproximateArrivalTimestamp.Add(behind)
		}
	}
	before := c.last()
	c.newest.Store(&reading{called: called, behind: behind, server: before.dated(called, date, newest),
		records: before.records + uint64(len(records))})
	c.metrics.read(len(records), bytes)
	return bytes
}
