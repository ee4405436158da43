package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/route"
	"example.com/callevents/shared/hashkey"
)

// listTimeout bounds one reading of the shard map, all pages together.
const listTimeout = 30 * time.Second

// ErrIncomplete is the error of a listing whose open shards do not cover every hash key exactly once: one taken in
// the middle of a reshard, which will be right a moment later.
var ErrIncomplete = errors.New("open shards do not cover the hash keys exactly once")

// Shards reads the open shards.
func (m *Manager) Shards(ctx context.Context) ([]route.Shard, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	name, arn := m.address()
	in := &kinesis.ListShardsInput{StreamName: name, StreamARN: arn}
	var open []route.Shard
	var ranges []hashkey.Range
	for {
		page, err := m.api.ListShards(ctx, in)
		if err != nil {
			return nil, m.explain("list shards of", "kinesis:ListShards", err)
		}
		for _, shard := range page.Shards {
			if isClosed(shard) {
				continue
			}
			r, err := hashkey.ParseRange(aws.ToString(shard.HashKeyRange.StartingHashKey), aws.ToString(shard.HashKeyRange.EndingHashKey))
			if err != nil {
				return nil, fmt.Errorf("list shards: shard %s: %w", aws.ToString(shard.ShardId), err)
			}
			open, ranges = append(open, route.Shard{ID: aws.ToString(shard.ShardId), HashKeys: r}), append(ranges, r)
		}
		if page.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken} // the API refuses a name next to a token
	}
	if err := hashkey.CheckTiling(ranges); err != nil {
		return nil, fmt.Errorf("list shards: %w: %w", ErrIncomplete, err)
	}
	return open, nil
}

func isClosed(shard types.Shard) bool {
	return shard.SequenceNumberRange != nil && shard.SequenceNumberRange.EndingSequenceNumber != nil
}
