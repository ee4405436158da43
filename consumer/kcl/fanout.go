package kcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/wait"
)

const (
	// renewAfter is the age at which a subscription is renewed. Kinesis ends it after five minutes (API reference,
	// SubscribeToShard).
	renewAfter = 5*time.Minute - 15*time.Second
	// subscribeEvery is the least time between two calls, and refusedFor the time after a call that succeeded in which
	// Kinesis refuses the next one, also one of another worker (same place).
	subscribeEvery = time.Second
	refusedFor     = 5 * time.Second
)

// fanOut reads one shard by enhanced fan-out: Kinesis pushes events through a subscription. At most one is open. It is
// replaced when it is old, silent or broken, and when the pipeline was moved. The next one begins after the last event that
// was given to the pipeline, so what the old one had still on its way comes again, and nothing is left out.
type fanOut struct {
	cursor
	client   *kinesis.Client
	consumer *Registration

	open         *subscription // nil: none
	arn          string        // of the consumer, when the last call was made
	continuation string        // the number that reading goes on after, if it is not that of a record
	failures     int           // in a row
	due          time.Time     // no call before
}

func (w *Worker) newFanOut(shardID string, tracker *stall.Tracker, log *logrus.Entry) source {
	f := &fanOut{client: w.client, consumer: w.cfg.Consumer,
		cursor: cursor{shardID: shardID, start: w.cfg.Start, tracker: tracker, metrics: w.metrics, log: log}}
	f.newest.Store(&reading{called: time.Now()})
	return f
}

// next implements [source]: an event, or an empty page after a second without one.
func (f *fanOut) next(ctx context.Context, after sequence.Number) (page, error) {
	if after != f.at { // the pipeline was moved by a link of another writer
		f.close()
		f.at, f.continuation = after, ""
	}
	if f.open != nil && time.Since(f.open.since) >= renewAfter {
		f.close()
	}
	f.tracker.Waits(stall.Kinesis)
	if f.open == nil {
		if pause := time.Until(f.due); pause > idle {
			return page{}, wait.For(ctx, idle)
		} else if err := wait.For(ctx, pause); err != nil {
			return page{}, err
		}
	}
	event, err := f.receive(ctx)
	if ctx.Err() != nil {
		return page{}, context.Cause(ctx)
	}
	if err != nil {
		f.close()
		return page{}, f.failed(ctx, err)
	}
	if event == nil {
		return page{}, nil
	}
	f.tracker.Waits(stall.Nothing)
	return f.delivered(event), nil
}

func (f *fanOut) receive(ctx context.Context) (event *types.SubscribeToShardEvent, err error) {
	if f.open == nil {
		f.due, f.arn = time.Now().Add(subscribeEvery), f.consumer.ARN()
		if f.open, err = subscribe(ctx, f.client, f.input()); err != nil {
			return nil, err
		}
		f.due = f.open.since.Add(refusedFor)
	}
	return f.open.next(ctx, idle)
}

func (f *fanOut) input() *kinesis.SubscribeToShardInput {
	from := &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber}
	switch {
	case f.continuation != "":
		from.SequenceNumber = &f.continuation
	case !f.at.IsZero():
		from.SequenceNumber = aws.String(f.at.String())
	case f.start.IsZero():
		from.Type = types.ShardIteratorTypeTrimHorizon
	default:
		from.Type, from.Timestamp = types.ShardIteratorTypeAtTimestamp, &f.start
	}
	return &kinesis.SubscribeToShardInput{ConsumerARN: &f.arn, ShardId: &f.shardID, StartingPosition: from}
}

// delivered notes where the event ends.
func (f *fanOut) delivered(event *types.SubscribeToShardEvent) page {
	behind := time.Duration(aws.ToInt64(event.MillisBehindLatest)) * time.Millisecond
	now, server := time.Now(), time.Time{}
	if f.open.clock != 0 {
		server = now.Add(f.open.clock)
	}
	f.moved(event.Records, behind, now, server)
	f.continuation, f.failures = aws.ToString(event.ContinuationSequenceNumber), 0
	return page{records: event.Records, at: f.at, read: true, tip: behind < idle, end: event.ContinuationSequenceNumber == nil}
}

// close ends the subscription, if there is one.
func (f *fanOut) close() {
	if f.open != nil {
		f.open.close()
		f.open = nil
	}
}

// failed decides what it means that the subscription failed. Nil: subscribe again.
func (f *fanOut) failed(ctx context.Context, err error) error {
	var inUse *types.ResourceInUseException
	var invalid *types.InvalidArgumentException
	var absent *types.ResourceNotFoundException
	switch {
	case errors.Is(err, errSubscriptionEnded):
		f.log.Debug("subscription ended in order, subscribing again")
		return nil
	case errors.As(err, &inUse): // the shard's last owner subscribed a moment ago, or has not noticed yet that it lost the lease
		f.tracker.Failed(err)
		f.log.WithError(err).Debug("subscription belongs to another worker, trying again")
		return nil
	case errors.As(err, &invalid) && f.continuation != "":
		f.log.WithError(err).WithField("sequence_number", f.continuation).Warn("continuation sequence number refused, reading on after the last record")
		f.continuation = ""
		return nil
	case errors.As(err, &absent):
		if err = f.registered(ctx, err); err == nil || errors.Is(err, errGone) {
			return err
		}
	}
	f.tracker.Failed(err)
	f.failures++
	if due := time.Now().Add(backoff.After(f.failures)); due.After(f.due) {
		f.due = due
	}
	f.metrics.readFailures.Inc()
	f.log.WithError(err).Warn("shard not read, subscribing again")
	return nil
}

// registered finds out what does not exist: the shard, or the consumer, which is registered again then. Nil: subscribe
// again.
func (f *fanOut) registered(ctx context.Context, absent error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := f.consumer.Ready(ctx)
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &gone), err == nil && f.consumer.ARN() == f.arn:
		return errors.Join(errGone, absent)
	case err != nil:
		return failedCall(fmt.Errorf("the consumer was deregistered: %w", err))
	}
	return nil
}
