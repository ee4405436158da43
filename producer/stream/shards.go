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
	"example.com/callevents/shared/streams"
)

// listTimeout bounds one listing of the shards.
const listTimeout = 30 * time.Second

// ErrIncomplete is the error of a listing whose open shards do not cover every hash key exactly once. Kinesis may answer
// so during a reshard; a moment later the listing is complete.
var ErrIncomplete = errors.New("open shards do not cover the hash keys exactly once")

// Shards lists the open shards.
func (m *Manager) Shards(ctx context.Context) ([]route.Shard, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	name, arn := m.address()
	listed, err := streams.ListShards(ctx, m.api, &kinesis.ListShardsInput{StreamName: name, StreamARN: arn})
	if err != nil {
		return nil, m.explain("read shards of", "kinesis:ListShards", err)
	}
	var open []route.Shard
	var ranges []hashkey.Range
	for _, shard := range listed {
		if isClosed(shard) {
			continue
		}
		r, err := hashkey.ParseRange(aws.ToString(shard.HashKeyRange.StartingHashKey), aws.ToString(shard.HashKeyRange.EndingHashKey))
		if err != nil {
			return nil, fmt.Errorf("list shards: shard %s: %w", aws.ToString(shard.ShardId), err)
		}
		open, ranges = append(open, route.Shard{ID: aws.ToString(shard.ShardId), HashKeys: r}), append(ranges, r)
	}
	if err := hashkey.CheckTiling(ranges); err != nil {
		return nil, fmt.Errorf("list shards: %w: %w", ErrIncomplete, err)
	}
	return open, nil
}

func isClosed(shard types.Shard) bool {
	return shard.SequenceNumberRange != nil && shard.SequenceNumberRange.EndingSequenceNumber != nil
}
