package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/streams"
)

// streamInfo is what the consumer needs to know about its stream.
type streamInfo struct {
	arn       string
	identity  string // ARN and creation time: another stream under the same name has other sequence numbers
	retention time.Duration
	now       time.Time // by the clock of Kinesis, which also dates the records
	shards    int       // that are open

	distributesItself bool
}

// findStream makes sure that the stream can be read, by each kind of request that the run makes. It is one attempt: a
// stream that is not there yet is [startup.Passing], since a producer may still create it.
func findStream(ctx context.Context, client *kinesis.Client, name string) (streamInfo, error) {
	out, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent):
		return streamInfo{}, startup.NotYet("stream %s does not exist in %s: start a producer, which creates it, or check --stream and AWS_REGION",
			name, client.Options().Region)
	case err != nil:
		return streamInfo{}, explainRead("describe", "DescribeStreamSummary", name, err)
	case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusCreating:
		return streamInfo{}, startup.NotYet("stream %s is still being created", name)
	case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusDeleting:
		return streamInfo{}, fmt.Errorf("stream %s is being deleted: wait until it is gone and create it again", name)
	}
	stream := newStreamInfo(out)
	stream.shards, err = probeReads(ctx, client, name)
	return stream, err
}

func newStreamInfo(out *kinesis.DescribeStreamSummaryOutput) streamInfo {
	s := out.StreamDescriptionSummary
	now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		now = time.Now()
	}
	return streamInfo{
		arn:       aws.ToString(s.StreamARN),
		identity:  aws.ToString(s.StreamARN) + "@" + aws.ToTime(s.StreamCreationTimestamp).UTC().Format(time.RFC3339),
		retention: time.Duration(aws.ToInt32(s.RetentionPeriodHours)) * time.Hour,
		now:       now,

		distributesItself: streams.DistributesItself(s),
	}
}

// probeReads lists the shards and reads the oldest record of one of them, so that a permission that is missing, or that
// of an encrypted stream's key, ends the start. It returns the number of open shards. The answer that the shard is not there or
// is busy shows that the request is allowed: one shard ends no start.
func probeReads(ctx context.Context, client *kinesis.Client, name string) (shards int, err error) {
	all, err := streams.ListShards(ctx, client, &kinesis.ListShardsInput{StreamName: &name})
	if err != nil {
		return 0, explainRead("list the shards of", "ListShards", name, err)
	}
	open := slices.DeleteFunc(all, func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
	if len(open) == 0 {
		return 0, startup.NotYet("stream %s has no open shard yet", name)
	}
	shard := open[rand.IntN(len(open))] // each shard has 5 reads a second for all applications
	iterator, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil && !allowed(err) {
		return 0, explainRead("get a shard iterator of", "GetShardIterator", name, err)
	}
	if err != nil {
		return len(open), nil
	}
	_, err = client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator.ShardIterator, Limit: aws.Int32(1)})
	if err != nil && !allowed(err) {
		return 0, explainRead("read", "GetRecords", name, err)
	}
	return len(open), nil
}

// allowed reports whether an error shows that the request may be made.
func allowed(err error) bool {
	var busy *types.ProvisionedThroughputExceededException
	var gone *types.ResourceNotFoundException
	return errors.As(err, &busy) || errors.As(err, &gone)
}

func explainRead(verb, action, stream string, err error) error {
	return fmt.Errorf("%s stream %s: %w", verb, stream, startup.Explain(err, "kinesis:"+action+" on the stream "+stream))
}
