package stream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/stream"
)

// startTimeout is that of every manager here.
const startTimeout = 5 * time.Minute

var errDenied = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}

// account answers as Kinesis would for one stream. A call that is not expected fails.
type account struct {
	stream   *types.StreamDescriptionSummary // nil: there is none
	statuses []types.StreamStatus            // of the next descriptions; the last one stays
	status   types.StreamStatus              // of the last description
	shards   [][]types.Shard                 // of each answer of ListShards
	tags     []types.Tag
	deny     map[string]bool // operations
	fails    []error         // of the next calls, each once
	raced    bool            // somebody else creates the stream first
	autoFrom time.Time       // from then on the stream distributes records itself; zero: it does not
	calls    []string
	created  *kinesis.CreateStreamInput
}

func (a *account) called(operation string) error {
	a.calls = append(a.calls, operation)
	if a.deny[operation] {
		return errDenied
	}
	if len(a.fails) > 0 {
		err := a.fails[0]
		a.fails = a.fails[1:]
		return err
	}
	return nil
}

func (a *account) DescribeStreamSummary(_ context.Context, in *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	if err := a.called("DescribeStreamSummary"); err != nil {
		return nil, err
	}
	if (in.StreamName == nil) == (in.StreamARN == nil) {
		return nil, errors.New("want a name or an ARN")
	}
	if a.stream == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	now := *a.stream
	if now.StreamStatus = types.StreamStatusActive; len(a.statuses) > 0 {
		now.StreamStatus = a.statuses[0]
	}
	a.status = now.StreamStatus
	if !a.autoFrom.IsZero() && !time.Now().Before(a.autoFrom) {
		now.RecordDistributionStrategy = types.RecordDistributionStrategyAuto
	}
	if len(a.statuses) > 1 {
		a.statuses = a.statuses[1:]
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &now}, nil
}

func (a *account) CreateStream(_ context.Context, in *kinesis.CreateStreamInput, _ ...func(*kinesis.Options)) (*kinesis.CreateStreamOutput, error) {
	if err := a.called("CreateStream"); err != nil {
		return nil, err
	}
	a.stream, a.created = &types.StreamDescriptionSummary{StreamName: in.StreamName, StreamARN: aws.String("arn:aws:kinesis:eu-north-1:123456789012:stream/calls"), OpenShardCount: in.ShardCount,
		RetentionPeriodHours: aws.Int32(24), StreamModeDetails: in.StreamModeDetails}, in
	for name, value := range in.Tags {
		a.tags = append(a.tags, types.Tag{Key: &name, Value: &value})
	}
	if a.raced {
		return nil, &types.ResourceInUseException{}
	}
	return &kinesis.CreateStreamOutput{}, nil
}

func (a *account) IncreaseStreamRetentionPeriod(_ context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput, _ ...func(*kinesis.Options)) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	a.stream.RetentionPeriodHours = in.RetentionPeriodHours
	return &kinesis.IncreaseStreamRetentionPeriodOutput{}, a.called("IncreaseStreamRetentionPeriod")
}

func (a *account) StartStreamEncryption(_ context.Context, in *kinesis.StartStreamEncryptionInput, _ ...func(*kinesis.Options)) (*kinesis.StartStreamEncryptionOutput, error) {
	if a.status == types.StreamStatusUpdating {
		return nil, &types.ResourceInUseException{}
	}
	a.stream.KeyId = in.KeyId
	return &kinesis.StartStreamEncryptionOutput{}, a.called("StartStreamEncryption")
}

func (a *account) ListTagsForStream(context.Context, *kinesis.ListTagsForStreamInput, ...func(*kinesis.Options)) (*kinesis.ListTagsForStreamOutput, error) {
	return &kinesis.ListTagsForStreamOutput{Tags: a.tags}, a.called("ListTagsForStream")
}

func (a *account) ListShards(_ context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if err := a.called("ListShards"); err != nil {
		return nil, err
	}
	answer := 0
	if in.NextToken != nil {
		if in.StreamName != nil {
			return nil, errors.New("a name next to a token")
		}
		if _, err := fmt.Sscan(*in.NextToken, &answer); err != nil {
			return nil, err
		}
	}
	out := &kinesis.ListShardsOutput{Shards: a.shards[answer]}
	if answer+1 < len(a.shards) {
		out.NextToken = aws.String(fmt.Sprint(answer + 1))
	}
	return out, nil
}

func shard(id, first, last string, closed bool) types.Shard {
	s := types.Shard{ShardId: &id, HashKeyRange: &types.HashKeyRange{StartingHashKey: &first, EndingHashKey: &last},
		SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: aws.String("1")}}
	if closed {
		s.SequenceNumberRange.EndingSequenceNumber = aws.String("2")
	}
	return s
}

// existing returns the account of a stream as everybody has it.
func existing() *account {
	return &account{stream: &types.StreamDescriptionSummary{StreamName: aws.String("calls"), OpenShardCount: aws.Int32(4),
		RetentionPeriodHours: aws.Int32(24)}}
}

func manager(a *account, wanted stream.Wanted) (*stream.Manager, *test.Hook) {
	log, hook := test.NewNullLogger()
	wanted.Region, wanted.Create = "eu-north-1", !wanted.Create // the zero value creates
	wanted.Name = "calls"                                       // also beside an ARN, as the command line has it
	if wanted.Shards == 0 {
		wanted.Shards = 4
	}
	return stream.NewManager(a, wanted, startTimeout, log), hook
}

// warned returns the settings that were reported as different, and the other warnings.
func warned(t *testing.T, hook *test.Hook) (settings, others []string) {
	t.Helper()
	for _, entry := range hook.AllEntries() {
		if entry.Level != logrus.WarnLevel {
			continue
		}
		if setting, ok := entry.Data["setting"]; ok {
			settings = append(settings, fmt.Sprint(setting))
		} else {
			others = append(others, entry.Message)
		}
	}
	return settings, others
}
