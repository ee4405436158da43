package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/shared/streams"
)

// pageRecords is about 1 MiB of call events. With the 10,000 that one call returns at most (API reference, GetRecords),
// kinesalite is slower and takes longer than the client waits.
const pageRecords = 1000

// errRead ends the loops of all shards.
var errRead = errors.New("everything was read")

// read reads every shard until all records have come.
func read(ctx context.Context, client *kinesis.Client, cfg Config) error {
	shards, err := streams.ListShards(ctx, client, &kinesis.ListShardsInput{StreamName: &cfg.Stream})
	if err != nil {
		return err
	}
	left := &atomic.Int64{}
	left.Store(int64(cfg.Count))
	group, ctx := errgroup.WithContext(ctx)
	for _, shard := range shards {
		group.Go(func() error { return readShard(ctx, client, cfg.Stream, shard.ShardId, left) })
	}
	if err := group.Wait(); !errors.Is(err, errRead) {
		return err
	}
	return nil
}

func readShard(ctx context.Context, client *kinesis.Client, stream string, shard *string, left *atomic.Int64) error {
	out, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: shard,
		ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		return fmt.Errorf("get shard iterator: %w", err)
	}
	for iterator := out.ShardIterator; iterator != nil; {
		page, err := getRecords(ctx, client, iterator)
		if err != nil {
			return fmt.Errorf("get records: %w", err)
		}
		if left.Add(-int64(len(page.Records))) <= 0 {
			return errRead
		}
		iterator = page.NextShardIterator
	}
	return nil
}

func getRecords(ctx context.Context, client *kinesis.Client, iterator *string) (*kinesis.GetRecordsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(pageRecords)})
}
