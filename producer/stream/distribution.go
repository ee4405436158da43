package stream

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// DistributesItself is the warning of a run that goes on all the same.
const DistributesItself = "stream ignores explicit hash keys (record distribution AUTO), the spread over the shards is not exact, " +
	"and what is sent again is stored again; set its record distribution to USER_PARTITION_KEY"

// ErrDistributesItself is why a run with containers, strict order or a journal does not begin, or ends. User records would come
// out on shards that they do not belong to, the order would be nobody's, and copies would not come to the shard that has the
// first one.
type ErrDistributesItself struct{ Stream string }

func (e ErrDistributesItself) Error() string {
	return fmt.Sprintf("stream %s distributes records itself (record distribution AUTO), which rules out --aggregate, --strict-order and --journal; "+
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
		if err == nil && streams.DistributesItself(out.StreamDescriptionSummary) {
			return ErrDistributesItself{m.id}
		}
		if err != nil && ctx.Err() == nil {
			m.log.WithError(err).Warn("stream not described, its record distribution is looked at again in a minute")
		}
	}
	return nil
}
