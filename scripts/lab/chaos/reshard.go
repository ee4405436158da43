package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The least and the most open shards after a split or a merge.
const (
	fewestShards = 2
	mostShards   = 6
)

// openShards returns the open shards in the order of their hash key ranges.
func (f *fault) openShards(ctx context.Context) ([]types.Shard, error) {
	shards, err := f.services.shards(ctx)
	shards = slices.DeleteFunc(shards, func(s types.Shard) bool { return !open(s) })
	slices.SortFunc(shards, func(a, b types.Shard) int { return start128(a).Cmp(start128(b)) })
	return shards, err
}

func start128(shard types.Shard) *big.Int { return number(shard.HashKeyRange.StartingHashKey) }

func number(text *string) *big.Int {
	n, _ := new(big.Int).SetString(aws.ToString(text), 10)
	return n
}

// split splits an open shard in the middle of its hash key range.
func split(ctx context.Context, f *fault) error {
	f.outages[onKinesis].Lock()
	defer f.outages[onKinesis].Unlock()
	shards, err := f.openShards(ctx)
	if err != nil {
		return err
	}
	if len(shards) >= mostShards {
		return fmt.Errorf("there are %d open shards", len(shards))
	}
	shard := shards[f.rng.IntN(len(shards))]
	middle := new(big.Int).Add(start128(shard), number(shard.HashKeyRange.EndingHashKey))
	middle.Rsh(middle, 1)
	f.begins("%s", *shard.ShardId)
	_, err = f.services.Kinesis.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String(stream),
		ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle.String())})
	return f.awaitReshard(ctx, err)
}

// merge merges two open shards that are neighbours.
func merge(ctx context.Context, f *fault) error {
	f.outages[onKinesis].Lock()
	defer f.outages[onKinesis].Unlock()
	shards, err := f.openShards(ctx)
	if err != nil {
		return err
	}
	if len(shards) <= fewestShards {
		return fmt.Errorf("there are %d open shards", len(shards))
	}
	i := f.rng.IntN(len(shards) - 1)
	f.begins("%s and %s", *shards[i].ShardId, *shards[i+1].ShardId)
	_, err = f.services.Kinesis.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: aws.String(stream),
		ShardToMerge: shards[i].ShardId, AdjacentShardToMerge: shards[i+1].ShardId})
	return f.awaitReshard(ctx, err)
}

// awaitReshard waits until the stream is active again. AWS refuses a second change until then. The server does not, and
// writes its state down a little later, hence the pause.
func (f *fault) awaitReshard(ctx context.Context, err error) error {
	if busy := new(types.ResourceInUseException); errors.As(err, &busy) {
		return errors.New("the stream is being changed")
	}
	if err != nil {
		return err
	}
	pause(ctx, 500*time.Millisecond)
	return f.services.awaitStream(context.WithoutCancel(ctx))
}
