package kcl

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/wait"
)

const (
	// callTimeout bounds one call to Kinesis, the SDK's retries included.
	callTimeout = 10 * time.Second
	// A shard answers 5 GetRecords a second and gives 2 MB/s, shared by all applications that read it (Kinesis quotas).
	pace           = 255 * time.Millisecond
	bytesPerSecond = 2_000_000
	// idle is the pause after a page that reached the tip of the shard.
	idle = time.Second
	// pageBytes is what a page should hold. Kinesis returns up to 10,000 records or 10 MiB (API reference, GetRecords).
	// The limit follows the size of the records, since a page is held in memory for every shard.
	pageBytes   = 1 << 20
	pageRecords = 10_000
	firstPage   = 10 // records, before their size is known: 1 MiB if each has 100 KiB
)

// backoff is between failed calls, and between failed attempts to open a shard.
var backoff = wait.Backoff{First: 200 * time.Millisecond, Last: 5 * time.Second}

// reader reads one shard, page by page, from where its pipeline wants to go on. Not safe for concurrent use, but for
// last.
type reader struct {
	client  *kinesis.Client
	stream  string
	shardID string
	start   time.Time // initial position; zero: TRIM_HORIZON
	log     *logrus.Entry
	metrics *Metrics

	iterator string          // "": to be got, from at
	at       sequence.Number // the last record read, or the position that the iterator starts after
	limit    int32           // records a page
	failures int             // of calls, in a row
	due      time.Time       // no call before

	tracker *stall.Tracker
	last    atomic.Pointer[reading] // the last page
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

func (w *Worker) newReader(shardID string, tracker *stall.Tracker, log *logrus.Entry) *reader {
	r := &reader{client: w.client, stream: w.cfg.Stream, shardID: shardID, start: w.cfg.Start, limit: firstPage, tracker: tracker,
		log: log, metrics: w.metrics}
	r.last.Store(&reading{called: time.Now()})
	return r
}

// page is an answer of GetRecords.
type page struct {
	records []types.Record
	read    bool // false: the call failed, and is to be repeated
	end     bool // the shard is closed, and nothing follows
}

// errGone means that the shard is not part of the stream any more, or the stream does not exist.
var errGone = errors.New("shard or stream does not exist any more")

// next reads the page after a position, when it is due. A call that failed gives an empty page and is repeated by the
// next one; meanwhile batches can end by age. The error is errGone, or the cause of the context's end.
func (r *reader) next(ctx context.Context, after sequence.Number) (page, error) {
	if after != r.at { // the pipeline was moved by a link of another writer
		r.iterator, r.at = "", after
	}
	if err := wait.Until(ctx, r.due); err != nil {
		return page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r.tracker.Waits(stall.Kinesis)
	called := time.Now()
	out, err := r.read(ctx)
	if err != nil {
		return page{}, r.failed(err)
	}
	r.tracker.Waits(stall.Nothing)
	r.delivered(out, called)
	return page{records: out.Records, read: true, end: out.NextShardIterator == nil}, nil
}

func (r *reader) read(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	if r.iterator == "" {
		out, err := r.client.GetShardIterator(ctx, r.position())
		if err != nil {
			return nil, fmt.Errorf("get shard iterator: %w", err)
		}
		r.iterator = aws.ToString(out.ShardIterator)
	}
	out, err := r.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &r.iterator, Limit: aws.Int32(r.limit)})
	if err != nil {
		return nil, fmt.Errorf("get records: %w", err)
	}
	return out, nil
}

func (r *reader) position() *kinesis.GetShardIteratorInput {
	input := &kinesis.GetShardIteratorInput{StreamName: &r.stream, ShardId: &r.shardID}
	switch {
	case !r.at.IsZero():
		input.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
		input.StartingSequenceNumber = aws.String(r.at.String())
	case r.start.IsZero():
		input.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	default:
		input.ShardIteratorType = types.ShardIteratorTypeAtTimestamp
		input.Timestamp = aws.Time(r.start)
	}
	return input
}

// delivered notes where the page ends, and when the next call may go out. Quotas count from call to call, so the time
// that the answer took is not waited for once more.
func (r *reader) delivered(out *kinesis.GetRecordsOutput, called time.Time) {
	bytes, behind := 0, time.Duration(aws.ToInt64(out.MillisBehindLatest))*time.Millisecond
	for _, record := range out.Records {
		bytes += len(record.Data) + len(aws.ToString(record.PartitionKey))
	}
	if n := len(out.Records); n > 0 {
		last, err := sequence.Parse(aws.ToString(out.Records[n-1].SequenceNumber))
		if err == nil {
			r.at = last
		}
		r.limit = int32(min(pageRecords, max(1, n*pageBytes/max(bytes, 1))))
	}
	r.iterator, r.failures = aws.ToString(out.NextShardIterator), 0
	pause := max(pace, time.Duration(bytes)*time.Second/bytesPerSecond)
	if behind == 0 && out.NextShardIterator != nil {
		pause = max(pause, idle)
	}
	r.due = called.Add(pause)
	before := r.last.Load()
	now := &reading{called: called, behind: behind, clock: before.clock, records: before.records + uint64(len(out.Records))}
	if server, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		now.clock = time.Until(server)
	}
	r.last.Store(now)
	r.metrics.read(len(out.Records), bytes)
}

// failed decides what a failed call means. Nil: it is to be repeated.
func (r *reader) failed(err error) error {
	var expired *types.ExpiredIteratorException
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &gone):
		return errors.Join(errGone, err)
	case errors.As(err, &expired):
		r.iterator = ""
		r.log.WithField("sequence_number", r.at).Debug("shard iterator expired, making another")
		return nil
	}
	r.tracker.Failed(err)
	r.failures++
	r.due = time.Now().Add(backoff.After(r.failures))
	r.metrics.readFailures.Inc()
	if !errors.Is(err, context.Canceled) {
		r.log.WithError(err).Warn("shard not read, trying again")
	}
	return nil
}
