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

// idle is the pause after a page that reached the tip of the shard: one poll.
const idle = time.Second

// backoff is between failed calls, and between failed attempts to open a shard.
var backoff = wait.Backoff{First: 200 * time.Millisecond, Last: 5 * time.Second}

// poller reads one shard by GetRecords.
type poller struct {
	cursor
	client *kinesis.Client
	stream string

	quota    quota
	size     pageSize
	iterator string    // "": to be got, from at
	failures int       // of calls, in a row
	due      time.Time // no call before
}

func (w *Worker) newSource(shardID string, tracker *stall.Tracker, log *logrus.Entry) source {
	if w.cfg.Consumer != nil {
		return w.newFanOut(shardID, tracker, log)
	}
	p := &poller{client: w.client, stream: w.cfg.Stream, quota: newQuota(w.cfg.ShardReadBytes), size: newPageSize(),
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
	call, cancel := context.WithTimeout(ctx, p.size.timeout)
	defer cancel()
	p.tracker.Waits(stall.Kinesis)
	called := time.Now()
	out, err := p.read(call)
	if err != nil {
		if ctx.Err() == nil && timedOut(call, err) {
			p.size.timedOut()
		}
		return page{}, p.failed(err)
	}
	p.tracker.Waits(stall.Nothing)
	tip := p.delivered(out, called)
	return page{records: out.Records, at: p.at, read: true, tip: tip, end: out.NextShardIterator == nil}, nil
}

func (p *poller) read(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	if p.iterator == "" {
		out, err := p.client.GetShardIterator(ctx, p.position())
		if err != nil {
			return nil, fmt.Errorf("get shard iterator: %w", err)
		}
		p.iterator = aws.ToString(out.ShardIterator)
	}
	out, err := p.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &p.iterator, Limit: aws.Int32(int32(p.size.records))})
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

// delivered notes where the page ends, and when the next call may go out. It reports whether the page reached the tip.
// Quotas count from call to call, so the time that the answer took is not waited for once more.
//
// A page that is full is not at the tip, whatever the server says of it: kinesalite always says 0 milliseconds.
func (p *poller) delivered(out *kinesis.GetRecordsOutput, called time.Time) (tip bool) {
	behind := time.Duration(aws.ToInt64(out.MillisBehindLatest)) * time.Millisecond
	server, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	bytes := p.moved(out.Records, behind, called, server)
	full := p.size.full(len(out.Records), bytes)
	p.size.came(len(out.Records), bytes, time.Since(called))
	p.iterator, p.failures = aws.ToString(out.NextShardIterator), 0
	p.due = p.quota.read(called, bytes)
	if !full && behind == 0 && out.NextShardIterator != nil && p.due.Before(called.Add(idle)) {
		p.due = called.Add(idle)
	}
	return !full && behind < idle
}

// timedOut reports whether a call took too long, as a whole or until its answer began. The error need not say so: it is
// the decoder's if the deadline came in the middle of an answer.
func timedOut(call context.Context, err error) bool {
	var timeout interface{ Timeout() bool }
	return call.Err() != nil || errors.As(err, &timeout) && timeout.Timeout()
}

// failed decides what a failed call means. Nil: it is to be repeated.
func (p *poller) failed(err error) error {
	var expired *types.ExpiredIteratorException
	var gone *types.ResourceNotFoundException
	var throttled *types.ProvisionedThroughputExceededException
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
	switch {
	case errors.As(err, &throttled):
		p.throttled()
	case !errors.Is(err, context.Canceled):
		p.log.WithError(err).Warn("shard not read, trying again")
	}
	return nil
}

// throttled slows the reader down. It is told once, and not again before the whole rate is back. The shard is in debt by
// a page or so, which takes it a second to pay.
func (p *poller) throttled() {
	now := time.Now()
	p.due = later(p.due, now.Add(idle))
	first := p.quota.throttled(now)
	log := p.log.WithField("bytes_per_second", int(p.quota.rate))
	if first {
		log.Warn("shard throttled, other applications read it too: reading slower")
		return
	}
	log.Debug("shard throttled again")
}

// withoutThrottleRetries is an option of the client that reads the pages. The SDK would repeat a throttled call at once,
// at the cost of all that read the shard; the poller reads slower instead.
func withoutThrottleRetries(o *kinesis.Options) {
	if retryer, ok := o.Retryer.(aws.RetryerV2); ok {
		o.Retryer = throttledAtOnce{retryer}
	}
}

type throttledAtOnce struct{ aws.RetryerV2 }

// IsErrorRetryable implements [aws.Retryer].
func (r throttledAtOnce) IsErrorRetryable(err error) bool {
	var throttled *types.ProvisionedThroughputExceededException
	return !errors.As(err, &throttled) && r.RetryerV2.IsErrorRetryable(err)
}
