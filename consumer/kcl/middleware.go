package kcl

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
)

// withMiddleware answers the three calls that the library makes on the client it is given. None of them goes out
// as it is: shards come from the catalog, and pages from the reader of the shard's session, which keeps its own
// shard iterator. The token that the library carries from page to page is the shard's name.
func (w *Worker) withMiddleware(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("callevents", w.answer), middleware.Before)
	})
}

func (w *Worker) answer(ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (
	out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	switch call := in.Parameters.(type) {
	case *kinesis.ListShardsInput:
		w.park(ctx)
		out.Result = w.catalog.output()
	case *kinesis.GetShardIteratorInput:
		out.Result = &kinesis.GetShardIteratorOutput{ShardIterator: call.ShardId}
	case *kinesis.GetRecordsInput:
		out.Result, err = w.page(aws.ToString(call.ShardIterator))
	default:
		err = fmt.Errorf("vmware-go-kcl made an unexpected call: %T", call)
	}
	return out, metadata, err
}

// park holds the library's event loop, which asks for the shards before every round, until there is a lease to
// take or the worker stops. So the loop can be set to turn at once, and costs nothing while nothing is to be done.
func (w *Worker) park(ctx context.Context) {
	for !w.leases.Wants() {
		select {
		case <-w.leases.Wanted():
		case <-w.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// page reads the next page of a shard. An error ends the library's consumer of that shard, and that is the one way to
// end it: the session then drains in RemoveLeaseOwner.
//
// The library gets the page without its records; the session keeps them until the processor is called for the page. The
// library would only take containers of the Kinesis Producer Library apart, and lose the whole page over one that is
// malformed, or panic; and count bytes, and sleep over them where nothing can wake it.
func (w *Worker) page(shardID string) (*kinesis.GetRecordsOutput, error) {
	s := w.session(shardID)
	if s == nil {
		return nil, fmt.Errorf("shard %s has no session", shardID)
	}
	page, err := s.next()
	if err != nil {
		return nil, err
	}
	s.records, page.Records = page.Records, nil
	if page.NextShardIterator != nil {
		page.NextShardIterator = &shardID
	}
	return page, nil
}
