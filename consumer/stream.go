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

	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/streams"
)

// streamInfo is what the consumer needs to know about its stream.
type streamInfo struct {
	arn       string
	identity  string // ARN and creation time: another stream under the same name has other sequence numbers
	retention time.Duration
	now       time.Time     // by the clock of Kinesis, which also dates the records
	ahead     time.Duration // what the clock of this machine is ahead of that
	shards    int           // that are open

	distributesItself bool
}

// checkARN returns an error if --stream-arn is given, and is not the ARN of a stream.
func checkARN(arn string) error {
	if arn == "" || streams.ValidARN(arn) {
		return nil
	}
	return fmt.Errorf("--stream-arn %q: use arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", arn)
}

// nameOf is the stream's name: an ARN wins over --stream.
func nameOf(stream, arn string) string {
	if arn != "" {
		return streams.NameOf(arn)
	}
	return stream
}

// loadAWS is [awsclient.Load] for a stream that is named by its ARN, if there is one.
func loadAWS(arn string) func(context.Context) (aws.Config, error) {
	return func(ctx context.Context) (aws.Config, error) {
		cfg, err := awsclient.Load(ctx)
		if err != nil {
			return cfg, err
		}
		return streams.ByARN(cfg, arn)
	}
}

// streamProbe makes sure that the stream can be read, by each kind of request that the run makes. What one step finds, the
// next one needs.
type streamProbe struct {
	client *kinesis.Client
	name   string
	arn    string // "": it is named by its name

	info     streamInfo
	open     []types.Shard
	iterator *string // nil: none was given out
}

// findStream is one attempt of all steps. A stream that is not there yet is [startup.Passing], since a producer may still
// create it.
func findStream(ctx context.Context, client *kinesis.Client, name, arn string) (streamInfo, error) {
	p := &streamProbe{client: client, name: name, arn: arn}
	err := startup.All(p.steps())(ctx)
	return p.info, err
}

func (p *streamProbe) steps() []startup.Step {
	return []startup.Step{
		{Name: "kinesis:DescribeStreamSummary", Try: p.describe},
		{Name: "kinesis:ListShards", Try: p.list},
		{Name: "kinesis:GetShardIterator", Try: p.begin},
		{Name: "kinesis:GetRecords", Try: p.read},
	}
}

func (p *streamProbe) describe(ctx context.Context) error {
	out, err := p.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &p.name})
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent) && p.arn != "":
		return fmt.Errorf("stream %s does not exist: correct --stream-arn; only its own account can create it: %w", p.arn, err)
	case errors.As(err, &absent):
		return startup.NotYet("stream %s does not exist in %s: start a producer, which creates it, or check --stream and AWS_REGION",
			p.name, p.client.Options().Region)
	case err != nil:
		return p.explain("describe", "DescribeStreamSummary", err)
	case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusCreating:
		return startup.NotYet("stream %s is still being created", p.name)
	case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusDeleting:
		return fmt.Errorf("stream %s is being deleted: wait until it is gone and create it again", p.name)
	}
	p.info = newStreamInfo(out)
	return nil
}

func newStreamInfo(out *kinesis.DescribeStreamSummaryOutput) streamInfo {
	s := out.StreamDescriptionSummary
	now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		now = time.Now()
	}
	return streamInfo{
		arn:       aws.ToString(s.StreamARN),
		identity:  streams.Identity(s),
		retention: time.Duration(aws.ToInt32(s.RetentionPeriodHours)) * time.Hour,
		now:       now,
		ahead:     time.Since(now),

		distributesItself: streams.DistributesItself(s),
	}
}

func (p *streamProbe) list(ctx context.Context) error {
	all, err := streams.ListShards(ctx, p.client, &kinesis.ListShardsInput{StreamName: &p.name})
	if err != nil {
		return p.explain("list the shards of", "ListShards", err)
	}
	p.open = slices.DeleteFunc(all, func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
	if len(p.open) == 0 {
		return startup.NotYet("stream %s has no open shard yet", p.name)
	}
	p.info.shards = len(p.open)
	return nil
}

// begin and read ask for the oldest record of one shard, so that a permission that is missing, or that of an encrypted
// stream's key, ends the start. The answer that the shard is not there or is busy shows that the request is allowed: one
// shard ends no start.
func (p *streamProbe) begin(ctx context.Context) error {
	if len(p.open) == 0 {
		return startup.ErrNotTried
	}
	shard := p.open[rand.IntN(len(p.open))] // each shard has 5 reads a second for all applications
	out, err := p.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &p.name, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	switch {
	case err == nil:
		p.iterator = out.ShardIterator
	case !allowed(err):
		return p.explain("get a shard iterator of", "GetShardIterator", err)
	}
	return nil
}

func (p *streamProbe) read(ctx context.Context) error {
	if p.iterator == nil {
		return startup.ErrNotTried
	}
	_, err := p.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: p.iterator, Limit: aws.Int32(1)})
	if err != nil && !allowed(err) {
		return p.explain("read", "GetRecords", err)
	}
	return nil
}

// allowed reports whether an error shows that the request may be made.
func allowed(err error) bool {
	var busy *types.ProvisionedThroughputExceededException
	var gone *types.ResourceNotFoundException
	return errors.As(err, &busy) || errors.As(err, &gone)
}

// explain says what to do about an error of a call.
func (p *streamProbe) explain(verb, action string, err error) error {
	permission := "kinesis:" + action + " on the stream " + p.name
	if p.arn != "" {
		permission = "kinesis:" + action + " on " + p.arn + ", and if it is of another account, in the stream's own policy, too"
	}
	return fmt.Errorf("%s stream %s: %w", verb, p.name, startup.Explain(err, permission))
}
