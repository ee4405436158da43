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
	"github.com/aws/smithy-go"
)

// silence is how long a subscription may bring nothing, not even a part of an event. Kinesis sends an event about every
// five seconds, an empty one too.
const silence = 20 * time.Second

// How a subscription ends without an error of Kinesis.
var (
	errSubscriptionEnded = errors.New("the subscription ended in order")
	errSilent            = fmt.Errorf("nothing came for %v, not even an empty event", silence)
)

// subscription is a SubscribeToShard call that succeeded. The SDK reads two events ahead, and no further: what is not
// asked for stays in the connection, whose window is full then. Not safe for concurrent use.
type subscription struct {
	since  time.Time     // when it was asked for
	clock  time.Duration // what Kinesis' clock was ahead of ours then; 0: unknown
	stream *kinesis.SubscribeToShardEventStream
	events *events
	cancel context.CancelCauseFunc

	bytes  int64         // that had come when next was last called
	silent time.Duration // that nothing came
}

// subscribe makes one call. It takes no longer than callTimeout. The subscription ends with the context.
func subscribe(ctx context.Context, client *kinesis.Client, input *kinesis.SubscribeToShardInput) (*subscription, error) {
	s := &subscription{since: time.Now(), events: newEvents()}
	ctx, s.cancel = context.WithCancelCause(ctx)
	deadline := time.AfterFunc(callTimeout, func() { s.cancel(context.DeadlineExceeded) })
	out, err := client.SubscribeToShard(ctx, input, func(o *kinesis.Options) {
		o.Protocol, o.Retryer = s.events, aws.NopRetryer{} // Kinesis takes one call a second
	})
	if err == nil {
		s.stream = out.GetStream()
		context.AfterFunc(ctx, func() { _ = s.stream.Close() }) // the SDK's goroutines end with the stream, and not with the context
	}
	if !deadline.Stop() {
		err = failedCall(context.DeadlineExceeded)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	if server, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		s.clock = time.Until(server)
	}
	return s, nil
}

// next returns the next event. It is nil if none came within the patience.
func (s *subscription) next(ctx context.Context, patience time.Duration) (*types.SubscribeToShardEvent, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case event, ok := <-s.stream.Events():
		s.silent, s.bytes = 0, s.events.bytes.Load()
		return s.received(event, ok)
	case <-timer.C:
	}
	if bytes := s.events.bytes.Load(); bytes != s.bytes {
		s.silent, s.bytes = 0, bytes
	}
	if s.silent += patience; s.silent >= silence {
		return nil, failedCall(errSilent)
	}
	return nil, nil
}

func (s *subscription) received(event types.SubscribeToShardEventStream, ok bool) (*types.SubscribeToShardEvent, error) {
	if !ok {
		if err := s.stream.Err(); err != nil {
			return nil, failedCall(err)
		}
		return nil, errSubscriptionEnded
	}
	records, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
	if !ok {
		return nil, nil // of a kind that is not known here
	}
	if records.Value.ContinuationSequenceNumber == nil && len(records.Value.ChildShards) == 0 {
		return nil, failedCall(errors.New("the event says neither where the shard goes on nor that it ends"))
	}
	return &records.Value, nil
}

// close ends the subscription. Kinesis notices; no call is made.
func (s *subscription) close() { s.cancel(errSubscriptionEnded) }

// failedCall is an error of an event stream, which does not say what was called.
func failedCall(err error) error {
	return &smithy.OperationError{ServiceID: kinesis.ServiceID, OperationName: "SubscribeToShard", Err: err}
}
