package stream

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// DistributesItself reports whether an on-demand stream has the record distribution AUTO. It then ignores explicit hash
// keys, and no producer can choose the shard of a record.
func DistributesItself(found *types.StreamDescriptionSummary) bool {
	return streams.DistributesItself(found)
}

// ErrDistributesItself is why a run with containers or strict order does not begin, or ends: AWS supports neither on such a
// stream. User records would come out on shards that they do not belong to, and the order would be nobody's.
type ErrDistributesItself struct{ Stream string }

func (e ErrDistributesItself) Error() string {
	return fmt.Sprintf("stream %s distributes records itself (record distribution AUTO), which rules out --aggregate and --strict-order; "+
		"leave the flag out, or set the record distribution of the stream to USER_PARTITION_KEY", e.Stream)
}

// AwaitDistribution looks once a minute whether the stream distributes records itself, and returns ErrDistributesItself
// once it does. It returns nil when ctx ends.
func (m *Manager) AwaitDistribution(ctx context.Context) error {
	name, arn := m.address()
	for wait.For(ctx, refreshInterval) == nil {
		once, cancel := context.WithTimeout(ctx, listTimeout)
		out, err := m.api.DescribeStreamSummary(once, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
		cancel()
		if err == nil && DistributesItself(out.StreamDescriptionSummary) {
			return ErrDistributesItself{m.id}
		}
		if err != nil && ctx.Err() == nil {
			m.log.WithError(err).Warn("stream not described, its record distribution is looked at again in a minute")
		}
	}
	return nil
}
