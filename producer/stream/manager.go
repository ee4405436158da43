// Package stream looks after the data stream: it makes sure that there is one, and keeps the map of its open
// shards up to date.
//
// A stream that is absent is created as wanted. A stream that exists is used as it is and never changed; what
// differs from what was wanted is logged. The package puts no records.
package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/sirupsen/logrus"
)

// WaitTimeout is how long Ensure waits for ACTIVE in all. AWS needs seconds for a few shards, a minute or two for
// hundreds or for encryption.
const WaitTimeout = 5 * time.Minute

// Pauses between two descriptions of a stream that is not ready, from the first to the longest. The API allows
// 20 DescribeStreamSummary calls per second and account.
const (
	firstPoll   = 100 * time.Millisecond
	longestPoll = 2 * time.Second
)

// API is what Manager needs of *kinesis.Client.
type API interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	ListTagsForStream(context.Context, *kinesis.ListTagsForStreamInput, ...func(*kinesis.Options)) (*kinesis.ListTagsForStreamOutput, error)
	CreateStream(context.Context, *kinesis.CreateStreamInput, ...func(*kinesis.Options)) (*kinesis.CreateStreamOutput, error)
	IncreaseStreamRetentionPeriod(context.Context, *kinesis.IncreaseStreamRetentionPeriodInput, ...func(*kinesis.Options)) (*kinesis.IncreaseStreamRetentionPeriodOutput, error)
	StartStreamEncryption(context.Context, *kinesis.StartStreamEncryptionInput, ...func(*kinesis.Options)) (*kinesis.StartStreamEncryptionOutput, error)
}

// Wanted describes the stream. Only Name or ARN is required; an ARN, which may be of another account, comes before the
// name, and with it an absent stream is an error. Zero values of the rest mean: as AWS has it, and no difference is reported.
type Wanted struct {
	Name, ARN      string
	Shards         int32 // of a provisioned stream that is created; required unless OnDemand
	OnDemand       bool
	RetentionHours int32  // 24 to 8760
	KMSKey         string // key id, ARN or alias
	Tags           map[string]string
}

// Manager is safe for concurrent use.
type Manager struct {
	api    API
	wanted Wanted
	called string // for people: the ARN or the name
	log    logrus.FieldLogger
}

// NewManager returns a manager that does nothing until asked.
func NewManager(api API, wanted Wanted, log logrus.FieldLogger) *Manager {
	called := wanted.Name
	if wanted.ARN != "" {
		called = wanted.ARN
	}
	return &Manager{api, wanted, called, log.WithField("stream", called)}
}

// Ensure returns the description of the ACTIVE stream, which it has created if it was absent. It gives up after
// WaitTimeout, and at once if the stream is being deleted or a permission is missing.
func (m *Manager) Ensure(ctx context.Context) (*types.StreamDescriptionSummary, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, WaitTimeout, fmt.Errorf("stream not ACTIVE after %s", WaitTimeout))
	defer cancel()
	created := false
	found, err := m.describe(ctx)
	var absent *types.ResourceNotFoundException
	if errors.As(err, &absent) {
		if created, err = m.create(ctx); err != nil {
			return nil, err
		}
		found, err = m.describe(ctx)
	}
	if found, err = m.untilReady(ctx, found, err, orUpdating); err != nil {
		return nil, err
	}
	if created {
		if found, err = m.finish(ctx, found); err != nil {
			return nil, err
		}
	}
	m.reportDifferences(ctx, found)
	m.log.WithFields(logrus.Fields{"shards": aws.ToInt32(found.OpenShardCount), "created": created}).Info("stream is active")
	return found, nil
}

// create reports false if somebody else is creating the stream right now.
func (m *Manager) create(ctx context.Context) (created bool, err error) {
	if m.wanted.ARN != "" {
		return false, fmt.Errorf("stream %s does not exist; it can only be created in its own account, by name", m.wanted.ARN)
	}
	in := &kinesis.CreateStreamInput{StreamName: &m.wanted.Name, Tags: m.wanted.Tags}
	if m.wanted.OnDemand {
		in.StreamModeDetails = &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	} else {
		in.ShardCount = &m.wanted.Shards
	}
	_, err = m.api.CreateStream(ctx, in)
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, m.explain("create stream", "kinesis:CreateStream", err)
	}
	m.log.WithFields(logrus.Fields{"shards": m.wanted.Shards, "on_demand": m.wanted.OnDemand}).Info("stream is being created")
	return true, nil
}

// finish gives a stream that we have just created what CreateStream cannot. Dying here leaves a stream without
// it, which the next run reports as a difference.
func (m *Manager) finish(ctx context.Context, found *types.StreamDescriptionSummary) (*types.StreamDescriptionSummary, error) {
	if m.wanted.RetentionHours > aws.ToInt32(found.RetentionPeriodHours) {
		in := &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: &m.wanted.Name, RetentionPeriodHours: &m.wanted.RetentionHours}
		if _, err := m.api.IncreaseStreamRetentionPeriod(ctx, in); err != nil {
			return nil, m.explain("set retention", "kinesis:IncreaseStreamRetentionPeriod", err)
		}
	}
	if m.wanted.KMSKey != "" {
		if _, err := m.untilReadyAgain(ctx, activeOnly); err != nil {
			return nil, err
		}
		in := &kinesis.StartStreamEncryptionInput{StreamName: &m.wanted.Name, EncryptionType: types.EncryptionTypeKms, KeyId: &m.wanted.KMSKey}
		if _, err := m.api.StartStreamEncryption(ctx, in); err != nil {
			return nil, m.explain("start encryption", "kinesis:StartStreamEncryption and access to the key", err)
		}
	}
	return m.untilReadyAgain(ctx, orUpdating)
}

// When a stream is ready: UPDATING is good enough to put records, but not to change anything else.
var (
	activeOnly = []types.StreamStatus{types.StreamStatusActive}
	orUpdating = []types.StreamStatus{types.StreamStatusActive, types.StreamStatusUpdating}
)

func (m *Manager) untilReadyAgain(ctx context.Context, ready []types.StreamStatus) (*types.StreamDescriptionSummary, error) {
	found, err := m.describe(ctx)
	return m.untilReady(ctx, found, err, ready)
}

// untilReady describes the stream again and again. A stream that was just created may be unknown to the first
// descriptions.
func (m *Manager) untilReady(ctx context.Context, found *types.StreamDescriptionSummary, err error, ready []types.StreamStatus) (*types.StreamDescriptionSummary, error) {
	for started, pause := time.Now(), firstPoll; ; pause = min(2*pause, longestPoll) {
		var absent *types.ResourceNotFoundException
		switch {
		case err != nil && !errors.As(err, &absent):
			return nil, m.explain("describe stream", "kinesis:DescribeStreamSummary", err)
		case err != nil:
		case slices.Contains(ready, found.StreamStatus):
			return found, nil
		case found.StreamStatus == types.StreamStatusDeleting:
			return nil, fmt.Errorf("stream %s is being deleted; try again when it is gone", m.called)
		}
		m.log.WithField("elapsed_ms", time.Since(started).Milliseconds()).Info("waiting for the stream to become active")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for stream: %w", context.Cause(ctx))
		}
		found, err = m.describe(ctx)
	}
}

func (m *Manager) describe(ctx context.Context) (*types.StreamDescriptionSummary, error) {
	name, arn := m.address()
	out, err := m.api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// address is how API calls name the stream: by ARN if there is one, otherwise by name.
func (m *Manager) address() (name, arn *string) {
	if m.wanted.ARN != "" {
		return nil, &m.wanted.ARN
	}
	return &m.wanted.Name, nil
}

// explain says which permission is missing, if that is what err is about.
func (m *Manager) explain(step, permission string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied") {
		return fmt.Errorf("%s %s: no permission, the credentials in use need %s: %w", step, m.called, permission, err)
	}
	return fmt.Errorf("%s %s: %w", step, m.called, err)
}
