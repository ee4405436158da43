package kcl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/sequence"
)

const (
	// callTimeout bounds one call to Kinesis, the SDK's retries included.
	callTimeout = 10 * time.Second
	// iteratorTimeout bounds the one that is quick on AWS, and that kinesalite does not answer for AT_TIMESTAMP on a
	// shard without records, until there are some.
	iteratorTimeout = 5 * time.Second
	// A shard answers 5 GetRecords a second and gives 2 MB/s, shared by all applications that read it (Kinesis
	// quotas). The library counts calls too, in windows of a second; at this pace it finds nothing to complain of.
	pace           = 255 * time.Millisecond
	bytesPerSecond = 2_000_000
	// idle is the pause after a page that reached the tip of the shard.
	idle = time.Second
	// pageBytes is what a page should hold. Kinesis returns up to 10,000 records or 10 MiB (GetRecords, API
	// reference); the limit is adapted to the size of the records, since every shard holds a page in memory.
	pageBytes   = 1 << 20
	pageRecords = 10_000
	firstPage   = 1_000 // records, before their size is known
	// Pauses after a failed call, doubling.
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// reader reads one shard, page by page, from wherever its pipeline wants to go on. Not safe for concurrent use: the
// library's consumer goroutine calls it.
type reader struct {
	client  *kinesis.Client
	stream  string
	shardID string
	start   time.Time // initial position; zero: TRIM_HORIZON
	log     *logrus.Entry
	metrics *Metrics

	iterator string          // "": to be made, from at
	at       sequence.Number // last record delivered, or the position the iterator starts after
	closed   bool            // the shard's last page was delivered
	limit    int32
	retry    time.Duration
	due      time.Time // no call before

	records atomic.Uint64 // read so far
	behind  atomic.Int64  // millis behind latest, as the last page said
}

// errGone means that the shard is not part of the stream any more, or the stream does not exist.
var errGone = errors.New("shard or stream does not exist any more")

// page reads the next page after position want. A call that failed gives an empty page: the caller comes back, and
// in the meantime whatever is due by time gets its turn. The page's NextShardIterator is nil if the shard is
// closed and was read to its end.
func (r *reader) page(ctx context.Context, want sequence.Number) (*kinesis.GetRecordsOutput, error) {
	if want != r.at { // the pipeline was moved by a link of another writer
		r.iterator, r.at, r.closed = "", want, false
	}
	if err := sleepUntil(ctx, r.due); err != nil {
		return nil, err
	}
	if r.closed {
		return &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(0)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	called := time.Now()
	out, err := r.read(ctx)
	if err != nil {
		return emptyPage(), r.failed(err)
	}
	r.retry = 0
	r.delivered(out, called)
	return out, nil
}

func (r *reader) read(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	if r.iterator == "" {
		input := r.position()
		iteratorCtx, cancel := context.WithTimeout(ctx, iteratorTimeout)
		out, err := r.client.GetShardIterator(iteratorCtx, input)
		cancel()
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

// delivered notes where the page leaves the reader, and when the next call may go out: quotas count from call to call, so
// the time that an answer takes is not waited for once more.
func (r *reader) delivered(out *kinesis.GetRecordsOutput, called time.Time) {
	bytes := 0
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
	r.iterator, r.closed = aws.ToString(out.NextShardIterator), out.NextShardIterator == nil
	if out.MillisBehindLatest == nil {
		out.MillisBehindLatest = aws.Int64(0)
	}
	pause := max(pace, time.Duration(bytes)*time.Second/bytesPerSecond)
	if *out.MillisBehindLatest == 0 && !r.closed {
		pause = max(pause, idle)
	}
	r.due = called.Add(pause)
	r.records.Add(uint64(len(out.Records)))
	r.behind.Store(*out.MillisBehindLatest)
	r.metrics.read(r.shardID, len(out.Records), bytes, *out.MillisBehindLatest)
}

// failed decides what a failed call means. Nil: come back later.
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
	r.backOff()
	r.metrics.readFailures.Inc()
	if !errors.Is(err, context.Canceled) {
		r.log.WithError(err).Warn("shard not read, trying again")
	}
	return nil
}

// backOff puts the next call off, longer each time until a page was read.
func (r *reader) backOff() {
	r.retry = min(lastRetry, max(firstRetry, 2*r.retry))
	r.due = time.Now().Add(r.retry/2 + rand.N(r.retry))
}

func emptyPage() *kinesis.GetRecordsOutput {
	return &kinesis.GetRecordsOutput{NextShardIterator: aws.String(""), MillisBehindLatest: aws.Int64(0)}
}

// sleepUntil returns early with the context's error when it ends first.
func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}
