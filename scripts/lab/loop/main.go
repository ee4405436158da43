// Command loop puts records into a stream as fast as the SDK alone can: full PutRecords calls of events that were made
// before, under explicit hash keys of the shards in turn. It has no pace, no limits, no queue and no retries. With --read
// it reads them in the same way, and drops them. scripts/bench.sh compares producer and consumer with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/producer/generate"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/streams"
)

// callRecords is the most that one PutRecords call takes (API reference, PutRecords).
const callRecords = 500

// Config is the flags.
type Config struct {
	Stream   string `required:""`
	Read     bool   `help:"Read the stream from its beginning, a goroutine for each shard, instead of putting."`
	Count    int    `default:"100000" help:"Records to put, rounded up to full calls, or to read."`
	InFlight int    `default:"8" help:"PutRecords calls at the same time."`
}

func main() {
	var cfg Config
	kong.Parse(&cfg)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "loop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg Config) error {
	awsCfg, err := awsclient.Load(ctx)
	if err != nil {
		return err
	}
	client := awsclient.Kinesis(awsCfg, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	if cfg.Read {
		return read(ctx, client, cfg)
	}
	keys, err := hashKeys(ctx, client, cfg.Stream)
	if err != nil {
		return err
	}
	in, err := call(ctx, cfg.Stream, keys)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cfg.InFlight)
	for n := 0; n < cfg.Count && ctx.Err() == nil; n += callRecords {
		group.Go(func() error { return put(ctx, client, in) })
	}
	return group.Wait()
}

// hashKeys returns the first hash key of each shard.
func hashKeys(ctx context.Context, client *kinesis.Client, stream string) (keys []*string, err error) {
	shards, err := streams.ListShards(ctx, client, &kinesis.ListShardsInput{StreamName: &stream})
	for _, shard := range shards {
		keys = append(keys, shard.HashKeyRange.StartingHashKey)
	}
	return keys, err
}

// call makes the one call that is sent again and again, so making events costs next to nothing. Its records are the
// generator's, under its partition keys, as the producer's are.
func call(ctx context.Context, stream string, keys []*string) (*kinesis.PutRecordsInput, error) {
	generator, err := generate.New(1, time.Now)
	if err != nil {
		return nil, err
	}
	in := &kinesis.PutRecordsInput{StreamName: &stream}
	for i := range callRecords {
		e, err := generator.Next(ctx)
		if err != nil {
			return nil, err
		}
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: e.JSON, PartitionKey: &e.CallID, ExplicitHashKey: keys[i%len(keys)]})
	}
	return in, nil
}

func put(ctx context.Context, client *kinesis.Client, in *kinesis.PutRecordsInput) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second) // as the producer's calls
	defer cancel()
	out, err := client.PutRecords(ctx, in)
	if err == nil && aws.ToInt32(out.FailedRecordCount) > 0 {
		err = errors.New("some records were throttled")
	}
	if err != nil {
		return fmt.Errorf("put records: %w", err)
	}
	return nil
}
