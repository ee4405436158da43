package kcl

import (
	"context"
	"errors"
	"fmt"
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

// poller reads one shard by GetRecords.
type poller struct {
	cursor
	client *kinesis.Client
	stream string

	iterator string    // "": to be got, from at
	limit    int32     // records a page
	failures int       // of calls, in a row
	due      time.Time // no call before
}

func (w *Worker) newSource(shardID string, tracker *stall.Tracker, log *logrus.Entry) source {
	if w.cfg.Consumer != nil {
		return w.newFanOut(shardID, tracker, log)
	}
	p := &poller{client: w.client, stream: w.cfg.Stream, limit: firstPage,
		cursor: cursor{shardID: shardID, start: w.cfg.Start, tracker: tracker, metrics: w.metrics, log: log}}
	p.newest.Store(&reading{called: time.Now()})
	return p
}

// next implements [source]: one call, when it is due.
func (p *poller) next(ctx context.Context, after sequence.Number) (page, error) {
	if after != p.at { // the pipeline was moved by a link of another writer
		p.iterator, p.at = "", after
	}
	if err := wait.Until(ctx, p.due); err != nil {
		return page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	p.tracker.Waits(stall.Kinesis)
	called := time.Now()
	out, err := p.read(ctx)
	if err != nil {
		return page{}, p.failed(err)
	}
	p.tracker.Waits(stall.Nothing)
	p.delivered(out, called)
	return page{records: out.Records, at: p.at, read: true, end: out.NextShardIterator == nil}, nil
}

func (p *poller) read(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	if p.iterator == "" {
		out, err := p.client.GetShardIterator(ctx, p.position())
		if err != nil {
			return nil, fmt.Errorf("get shard iterator: %w", err)
		}
		p.iterator = aws.ToString(out.ShardIterator)
	}
	out, err := p.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &p.iterator, Limit: aws.Int32(p.limit)})
	if err != nil {
		return nil, fmt.Errorf("get records: %w", err)
	}
	return out, nil
}

func (p *poller) position() *kinesis.GetShardIteratorInput {
	input := &kinesis.GetShardIteratorInput{StreamName: &p.stream, ShardId: &p.shardID}
	switch {
	case !p.at.IsZero():
		input.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
		input.StartingSequenceNumber = aws.String(p.at.String())
	case p.start.IsZero():
		input.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	default:
		input.ShardIteratorType = types.ShardIteratorTypeAtTimestamp
		input.Timestamp = aws.Time(p.start)
	}
	return input
}

// delivered notes where the page ends, and when the next call may go out. Quotas count from call to call, so the time
// that the answer took is not waited for once more.
func (p *poller) delivered(out *kinesis.GetRecordsOutput, called time.Time) {
	behind := time.Duration(aws.ToInt64(out.MillisBehindLatest)) * time.Millisecond
	server, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	bytes := p.moved(out.Records, behind, called, server)
	if n := len(out.Records); n > 0 {
		p.limit = int32(min(pageRecords, max(1, n*pageBytes/max(bytes, 1))))
	}
	p.iterator, p.failures = aws.ToString(out.NextShardIterator), 0
	pause := max(pace, time.Duration(bytes)*time.Second/bytesPerSecond)
	if behind == 0 && out.NextShardIterator != nil {
		pause = max(pause, idle)
	}
	p.due = called.Add(pause)
}

// failed decides what a failed call means. Nil: it is to be repeated.
func (p *poller) failed(err error) error {
	var expired *types.ExpiredIteratorException
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &gone):
		return errors.Join(errGone, err)
	case errors.As(err, &expired):
		p.iterator = ""
		p.log.WithField("sequence_number", p.at).Debug("shard iterator expired, making another")
		return nil
	}
	p.tracker.Failed(err)
	p.failures++
	p.due = time.Now().Add(backoff.After(p.failures))
	p.metrics.readFailures.Inc()
	if !errors.Is(err, context.Canceled) {
		p.log.WithError(err).Warn("shard not read, trying again")
	}
	return nil
}
