package stream_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/streams"
)

func TestAnAbsentStreamIsCreatedAsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{statuses: []types.StreamStatus{"CREATING", "CREATING", "ACTIVE"}}
		m, hook := manager(a, stream.Wanted{Shards: 7, RetentionHours: 48, KMSKey: "alias/calls", Tags: map[string]string{"team": "calls"}})
		found, err := m.Ensure(t.Context())
		if err != nil || *found.OpenShardCount != 7 || *found.RetentionPeriodHours != 48 || *found.KeyId != "alias/calls" {
			t.Fatalf("Ensure = %+v, %v", found, err)
		}
		settings, others := warned(t, hook)
		if a.created.StreamModeDetails != nil || len(settings) > 0 || len(others) != 1 { // that it was created
			t.Errorf("created with %+v, warned of %v %v", a.created, settings, others)
		}
	})
}

// A stream whose retention is being changed takes records, but no encryption yet.
func TestEncryptionWaitsForTheRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{statuses: []types.StreamStatus{"CREATING", "ACTIVE", "UPDATING", "UPDATING", "ACTIVE"}}
		m, _ := manager(a, stream.Wanted{RetentionHours: 48, KMSKey: "alias/calls"})
		if found, err := m.Ensure(t.Context()); err != nil || *found.KeyId != "alias/calls" {
			t.Errorf("Ensure: %v", err)
		}
	})
}

func TestAnOnDemandStreamIsCreatedWithoutShards(t *testing.T) {
	a := &account{}
	m, _ := manager(a, stream.Wanted{OnDemand: true})
	if _, err := m.Ensure(t.Context()); err != nil || a.created.ShardCount != nil || a.created.StreamModeDetails.StreamMode != types.StreamModeOnDemand {
		t.Errorf("created %+v, %v", a.created, err)
	}
}

func TestAConcurrentCreatorIsFine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{raced: true, statuses: []types.StreamStatus{"CREATING", "ACTIVE"}}
		m, _ := manager(a, stream.Wanted{RetentionHours: 48})
		if _, err := m.Ensure(t.Context()); err != nil || *a.stream.RetentionPeriodHours != 24 {
			t.Errorf("Ensure: %v; a stream that another creates was given %d h", err, *a.stream.RetentionPeriodHours)
		}
	})
}

func TestAnExistingStreamIsReportedOnAndNotChanged(t *testing.T) {
	a := existing()
	a.tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("others")}}
	m, hook := manager(a, stream.Wanted{Shards: 8, RetentionHours: 48, KMSKey: "k", Tags: map[string]string{"team": "calls"}})
	if _, err := m.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if settings, _ := warned(t, hook); fmt.Sprint(settings) != "[shards retention_hours kms_key tag team]" {
		t.Errorf("warned of %v", settings)
	}
	if fmt.Sprint(a.calls) != "[DescribeStreamSummary ListTagsForStream]" {
		t.Errorf("calls %v", a.calls)
	}
	m, hook = manager(existing(), stream.Wanted{OnDemand: true})
	if _, err := m.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if settings, _ := warned(t, hook); fmt.Sprint(settings) != "[mode]" {
		t.Errorf("warned of %v", settings)
	}
}

func TestAutoRecordDistributionIsOneWarning(t *testing.T) {
	a := existing()
	a.stream.StreamModeDetails = &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	a.stream.RecordDistributionStrategy = types.RecordDistributionStrategyAuto
	m, hook := manager(a, stream.Wanted{OnDemand: true, Shards: 9})
	found, err := m.Ensure(t.Context())
	settings, others := warned(t, hook)
	if err != nil || !streams.DistributesItself(found) || len(settings) > 0 || len(others) != 1 || !strings.Contains(others[0], "AUTO") {
		t.Errorf("Ensure: %v, warned of %v %v", err, settings, others)
	}
}

func TestEnsureSaysWhatIsWrong(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-north-1:123456789012:stream/theirs"
	for name, test := range map[string]struct {
		account *account
		wanted  stream.Wanted
		want    string
	}{
		"being deleted": {&account{stream: existing().stream, statuses: []types.StreamStatus{"DELETING"}}, stream.Wanted{}, "is being deleted"},
		"describe":      {&account{deny: map[string]bool{"DescribeStreamSummary": true}}, stream.Wanted{}, "kinesis:DescribeStreamSummary"},
		"create":        {&account{deny: map[string]bool{"CreateStream": true}}, stream.Wanted{}, "kinesis:CreateStream"},
		"retention":     {&account{deny: map[string]bool{"IncreaseStreamRetentionPeriod": true}}, stream.Wanted{RetentionHours: 25}, "kinesis:IncreaseStreamRetentionPeriod"},
		"encryption":    {&account{deny: map[string]bool{"StartStreamEncryption": true}}, stream.Wanted{KMSKey: "k"}, "kinesis:StartStreamEncryption"},
		"absent by ARN": {&account{}, stream.Wanted{ARN: arn}, "own account"},
		"denied by ARN": {&account{deny: map[string]bool{"DescribeStreamSummary": true}}, stream.Wanted{ARN: arn}, "describe stream arn:aws"},
		"never active":  {&account{statuses: []types.StreamStatus{"CREATING"}}, stream.Wanted{}, "not ACTIVE after 5m0s, longer than --start-timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := manager(test.account, test.wanted)
				start := time.Now()
				if _, err := m.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("Ensure: %v, want %q", err, test.want)
				}
				if took := time.Since(start); took > startTimeout+3*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestShardsAreTheOpenOnesOfTheWholeListing(t *testing.T) {
	a := existing()
	a.shards = [][]types.Shard{
		{shard("shardId-0", "0", "99", true), shard("shardId-1", "0", "49", false)},
		{shard("shardId-2", "50", "99", false), shard("shardId-3", "100", "340282366920938463463374607431768211455", false)},
	}
	m, _ := manager(a, stream.Wanted{})
	open, err := m.Shards(t.Context())
	if err != nil || len(open) != 3 || open[0].ID != "shardId-1" || open[2].HashKeys.First.String() != "100" {
		t.Errorf("Shards = %v, %v", open, err)
	}
}

func TestAListingWithAGapIsNotUsed(t *testing.T) {
	for name, listed := range map[string][]types.Shard{
		"gap":     {shard("shardId-1", "0", "49", false), shard("shardId-2", "51", "340282366920938463463374607431768211455", false)},
		"overlap": {shard("shardId-1", "0", "50", false), shard("shardId-2", "50", "340282366920938463463374607431768211455", false)},
		"none":    nil,
	} {
		a := existing()
		a.shards = [][]types.Shard{listed}
		m, _ := manager(a, stream.Wanted{})
		if open, err := m.Shards(t.Context()); !errors.Is(err, stream.ErrIncomplete) {
			t.Errorf("%s: Shards = %v, %v", name, open, err)
		}
	}
}
