package fanout

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/wait"
)

// eventRecords is how many records an event has at most.
const eventRecords = 1000

// subscription is one SubscribeToShard call that succeeded. Only its own goroutine uses it, but for end.
type subscription struct {
	*Adapter
	stream, shard string
	at            position // what was sent
	iterator      *string
	until         time.Time
	heartbeat     time.Time // an event is due
	ctx           context.Context
	cancel        context.CancelCauseFunc
	w             http.ResponseWriter
}

// end lets the subscription end with an exception.
func (s *subscription) end(exception smithy.APIError) { s.cancel(exception) }

// errFull is how a subscription ends whose time is over.
var errFull = errors.New("the subscription is as old as it may become")

func (a *Adapter) subscribe(w http.ResponseWriter, r *http.Request, in request) {
	s := &subscription{Adapter: a, stream: streamOf(in.ConsumerARN), shard: in.ShardID, w: w, until: time.Now().Add(a.opts.Life)}
	a.mu.Lock()
	known := a.consumers[in.ConsumerARN]
	at, ok := a.positions.resolve(in.StartingPosition)
	a.mu.Unlock()
	switch {
	case known == nil:
		refuse(w, "ResourceNotFoundException", "consumer not found")
		return
	case !ok:
		refuse(w, "InvalidArgumentException", "the starting position is not known")
		return
	}
	s.at = at
	out, err := a.stream.GetShardIterator(r.Context(), at.iterator(s.stream, s.shard))
	if err != nil {
		s.refuse(err)
		return
	}
	s.iterator = out.ShardIterator
	s.ctx, s.cancel = context.WithCancelCause(r.Context())
	defer s.cancel(nil)
	here := target{in.ConsumerARN, in.ShardID}
	if !a.begin(here, s) {
		refuse(w, "ResourceInUseException", "there was another call within five seconds")
		return
	}
	defer a.leave(here, s)
	w.Header().Set("Content-Type", eventStreamType)
	if s.write(initialResponse()) {
		s.run()
	}
}

// begin takes the subscription of another call over, or is refused.
func (a *Adapter) begin(at target, s *subscription) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.called[at]; ok && time.Since(last) < a.opts.Refusal {
		return false
	}
	if before := a.open[at]; before != nil {
		before.end(&types.ResourceInUseException{})
	}
	a.open[at], a.called[at] = s, time.Now()
	a.opened++
	return true
}

func (a *Adapter) leave(at target, s *subscription) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open[at] == s {
		delete(a.open, at)
	}
}

// refuse answers with the real server's error.
func (s *subscription) refuse(err error) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		panic(http.ErrAbortHandler) // the server behind does not answer
	}
	refuse(s.w, api.ErrorCode(), api.ErrorMessage())
}

// run sends events until the subscription is too old, is taken over, or the shard ends.
func (s *subscription) run() {
	for more := true; more; {
		event, err := s.next()
		if s.ctx.Err() != nil {
			err = context.Cause(s.ctx)
		}
		var exception smithy.APIError
		switch {
		case errors.Is(err, errFull):
			return
		case errors.As(err, &exception):
			s.write(exceptionFrame(exception.ErrorCode(), exception.ErrorMessage()))
			return
		case err != nil: // the client has gone, or the server behind does not answer
			panic(http.ErrAbortHandler)
		}
		more = s.send(eventFrame(event)) && event.ContinuationSequenceNumber != nil
	}
}

// next waits for records, for the end of the shard, or until an empty event is due.
func (s *subscription) next() (*types.SubscribeToShardEvent, error) {
	for {
		if time.Now().After(s.until) {
			return nil, errFull
		}
		out, err := s.Adapter.stream.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: s.iterator, Limit: aws.Int32(eventRecords)})
		if err != nil {
			return nil, err
		}
		s.iterator = out.NextShardIterator
		if len(out.Records) > 0 || s.iterator == nil || !time.Now().Before(s.heartbeat) {
			s.heartbeat = time.Now().Add(s.opts.Heartbeat)
			return s.event(out)
		}
		if err := wait.For(s.ctx, s.opts.Poll); err != nil {
			return nil, err
		}
	}
}

func (s *subscription) event(out *kinesis.GetRecordsOutput) (*types.SubscribeToShardEvent, error) {
	event := &types.SubscribeToShardEvent{Records: out.Records, MillisBehindLatest: out.MillisBehindLatest}
	if n := len(out.Records); n > 0 {
		s.at = position{Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: *out.Records[n-1].SequenceNumber}
	}
	if s.iterator != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		event.ContinuationSequenceNumber = aws.String(s.positions.name(s.at))
		return event, nil
	}
	list, err := s.Adapter.stream.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: &s.stream})
	if err != nil {
		return nil, err
	}
	for _, child := range list.Shards {
		if aws.ToString(child.ParentShardId) == s.shard || aws.ToString(child.AdjacentParentShardId) == s.shard {
			event.ChildShards = append(event.ChildShards, types.ChildShard{ShardId: child.ShardId, HashKeyRange: child.HashKeyRange,
				ParentShards: []string{s.shard}})
		}
	}
	return event, nil
}

// send sends an event, or lets a fault do it.
func (s *subscription) send(frame []byte) (more bool) {
	s.mu.Lock()
	var fault Fault
	if len(s.strikes) > 0 {
		fault, s.strikes = s.strikes[0], s.strikes[1:]
	}
	s.mu.Unlock()
	if fault == nil {
		return s.write(frame)
	}
	fault(s.ctx, s.w, bytes.Clone(frame))
	return false
}

// write reports whether the client is there.
func (s *subscription) write(frame []byte) bool {
	_, err := s.w.Write(frame)
	return err == nil && http.NewResponseController(s.w).Flush() == nil
}
