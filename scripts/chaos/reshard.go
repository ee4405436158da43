package main

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Open shards that split and merge leave.
const (
	fewestShards = 2
	mostShards   = 6
)

// openShards returns them in the order of their hash key ranges.
func (f *fault) openShards() ([]types.Shard, error) {
	shards, err := f.services.shards(f.ctx)
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
func split(f *fault) error {
	f.outages[onKinesis].Lock()
	defer f.outages[onKinesis].Unlock()
	shards, err := f.openShards()
	if err != nil {
		return err
	}
	if len(shards) >= mostShards {
		return fmt.Errorf("there are %d open shards", len(shards))
	}
	shard := shards[f.rng.IntN(len(shards))]
	middle := new(big.Int).Add(start128(shard), number(shard.HashKeyRange.EndingHashKey))
	middle.Rsh(middle, 1)
	f.hits("%s", *shard.ShardId)
	_, err = f.services.Kinesis.SplitShard(f.ctx, &kinesis.SplitShardInput{StreamName: aws.String(stream),
		ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle.String())})
	return f.resharded(err)
}

// merge merges two neighbours.
func merge(f *fault) error {
	f.outages[onKinesis].Lock()
	defer f.outages[onKinesis].Unlock()
	shards, err := f.openShards()
	if err != nil {
		return err
	}
	if len(shards) <= fewestShards {
		return fmt.Errorf("there are %d open shards", len(shards))
	}
	i := f.rng.IntN(len(shards) - 1)
	f.hits("%s and %s", *shards[i].ShardId, *shards[i+1].ShardId)
	_, err = f.services.Kinesis.MergeShards(f.ctx, &kinesis.MergeShardsInput{StreamName: aws.String(stream),
		ShardToMerge: shards[i].ShardId, AdjacentShardToMerge: shards[i+1].ShardId})
	return f.resharded(err)
}

// resharded waits until the stream is active again, and longer than the server takes to write that down: it does not
// refuse a second change while the first is under way, as AWS does.
func (f *fault) resharded(err error) error {
	if busy := new(types.ResourceInUseException); errors.As(err, &busy) {
		return fmt.Errorf("the stream is being changed")
	}
	if err != nil {
		return err
	}
	f.hold(500 * time.Millisecond)
	return f.services.awaitStream(f.always)
}
