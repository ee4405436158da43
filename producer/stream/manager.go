// Package stream makes sure that the data stream exists, and keeps the map of its open shards up to date.
//
// If the stream is absent, it is created as wanted. If it exists, it is used as it is and never changed; every difference
// from what is wanted is logged. The package puts no records.
package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/wait"
)

// Pauses between two descriptions of a stream that is not ready. The API allows 20 DescribeStreamSummary calls per second
// and account.
var polls = wait.Backoff{First: 100 * time.Millisecond, Last: 2 * time.Second}

// reportEvery is the pause between two log lines about a stream that is not ready.
const reportEvery = 10 * time.Second

// API is what Manager needs of *kinesis.Client.
type API interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	ListTagsForStream(context.Context, *kinesis.ListTagsForStreamInput, ...func(*kinesis.Options)) (*kinesis.ListTagsForStreamOutput, error)
	CreateStream(context.Context, *kinesis.CreateStreamInput, ...func(*kinesis.Options)) (*kinesis.CreateStreamOutput, error)
	IncreaseStreamRetentionPeriod(context.Context, *kinesis.IncreaseStreamRetentionPeriodInput, ...func(*kinesis.Options)) (*kinesis.IncreaseStreamRetentionPeriodOutput, error)
	StartStreamEncryption(context.Context, *kinesis.StartStreamEncryptionInput, ...func(*kinesis.Options)) (*kinesis.StartStreamEncryptionOutput, error)
}

// Wanted describes the stream. Only Name or ARN is required. With an ARN the name does not matter: the stream may belong
// to another account, and it must exist. A zero value of the others means: AWS's default, and any difference is accepted.
type Wanted struct {
	Name, ARN      string
	Region         string // of the API, for logs and errors
	Create         bool   // if the stream is absent
	Shards         int32  // of a provisioned stream that is created; required unless OnDemand
	OnDemand       bool
	RetentionHours int32  // 24 to 8760
	KMSKey         string // key id, ARN or alias
	Tags           map[string]string
}

// Manager is safe for concurrent use.
type Manager struct {
	api     API
	wanted  Wanted
	timeout time.Duration
	id      string // the ARN or the name, for logs and errors
	log     logrus.FieldLogger
}

// NewManager returns a manager. It calls nothing before Ensure or Shards. timeout is how long a start waits for the stream
// to be ACTIVE, and for what may pass by itself. AWS needs seconds for a few shards, and a minute or two for hundreds of
// shards or for encryption.
func NewManager(api API, wanted Wanted, timeout time.Duration, log logrus.FieldLogger) *Manager {
	id := wanted.Name
	if wanted.ARN != "" {
		id = wanted.ARN
	}
	return &Manager{api, wanted, timeout, id, log.WithField("stream", id)}
}

// Ensure creates the stream if it is absent, waits until it is ACTIVE, and returns its description. What may pass by
// itself is waited for, see [startup.Passing]. It fails after the timeout, and at once if the stream is being deleted or a
// permission is missing.
func (m *Manager) Ensure(ctx context.Context) (*types.StreamDescriptionSummary, error) {
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
		m.announce(found)
		if found, err = m.finish(ctx, found); err != nil {
			return nil, err
		}
	}
	m.reportDifferences(ctx, found)
	m.log.WithFields(logrus.Fields{"shards": aws.ToInt32(found.OpenShardCount), "created": created}).Info("stream is active")
	return found, nil
}

// create creates the stream. It reports false if somebody else is creating it right now.
func (m *Manager) create(ctx context.Context) (created bool, err error) {
	switch {
	case m.wanted.ARN != "":
		return false, fmt.Errorf("stream %s does not exist; only its own account can create it, by name", m.wanted.ARN)
	case !m.wanted.Create:
		return false, fmt.Errorf("stream %s does not exist in region %s, and it is not to be created; check --stream and the region", m.id, m.wanted.Region)
	}
	in := &kinesis.CreateStreamInput{StreamName: &m.wanted.Name, Tags: m.wanted.Tags}
	if m.wanted.OnDemand {
		in.StreamModeDetails = &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	} else {
		in.ShardCount = &m.wanted.Shards
	}
	err = m.start(ctx, "the creation of the stream", func(ctx context.Context) error {
		_, err := m.api.CreateStream(ctx, in)
		return err
	})
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, m.explain("create stream", "kinesis:CreateStream", err)
	}
	return true, nil
}

// Prices of us-east-1 in dollars an hour (aws.amazon.com/kinesis/data-streams/pricing, 2025). Other regions are up to
// twice as dear, and records cost more.
const (
	shardPrice    = 0.015
	onDemandPrice = 0.04
)

// announce says what was created where, and what it costs: the name may be a typo, and the region or account another one.
func (m *Manager) announce(found *types.StreamDescriptionSummary) {
	fields := logrus.Fields{"region": m.wanted.Region, "mode": mode(m.wanted.OnDemand)}
	price := onDemandPrice
	if !m.wanted.OnDemand {
		fields["shards"], price = m.wanted.Shards, shardPrice*float64(m.wanted.Shards)
	}
	if parts := strings.Split(aws.ToString(found.StreamARN), ":"); len(parts) == 6 {
		fields["region"], fields["account"] = parts[3], parts[4]
	}
	fields["costs"] = fmt.Sprintf("from %.3f USD an hour until it is deleted", price)
	m.log.WithFields(fields).Warn("stream was absent and has been CREATED; if the name is wrong, delete it; --create=false creates none")
}

// finish sets what CreateStream cannot set, on a stream that we have just created. A crash leaves a stream without these
// settings; the next run logs them as differences.
func (m *Manager) finish(ctx context.Context, found *types.StreamDescriptionSummary) (*types.StreamDescriptionSummary, error) {
	if m.wanted.RetentionHours > aws.ToInt32(found.RetentionPeriodHours) {
		in := &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: &m.wanted.Name, RetentionPeriodHours: &m.wanted.RetentionHours}
		err := m.start(ctx, "the retention of the stream", func(ctx context.Context) error {
			_, err := m.api.IncreaseStreamRetentionPeriod(ctx, in)
			return err
		})
		if err != nil {
			return nil, m.explain("set retention", "kinesis:IncreaseStreamRetentionPeriod", err)
		}
	}
	if m.wanted.KMSKey != "" {
		if _, err := m.untilReadyAgain(ctx, activeOnly); err != nil {
			return nil, err
		}
		in := &kinesis.StartStreamEncryptionInput{StreamName: &m.wanted.Name, EncryptionType: types.EncryptionTypeKms, KeyId: &m.wanted.KMSKey}
		err := m.start(ctx, "the encryption of the stream", func(ctx context.Context) error {
			_, err := m.api.StartStreamEncryption(ctx, in)
			return err
		})
		if err != nil {
			return nil, m.explain("start encryption", "kinesis:StartStreamEncryption and access to the key", err)
		}
	}
	return m.untilReadyAgain(ctx, orUpdating)
}

// The states in which a stream is ready. While it is UPDATING it takes records, but no further change.
var (
	activeOnly = []types.StreamStatus{types.StreamStatusActive}
	orUpdating = []types.StreamStatus{types.StreamStatusActive, types.StreamStatusUpdating}
)

func (m *Manager) untilReadyAgain(ctx context.Context, ready []types.StreamStatus) (*types.StreamDescriptionSummary, error) {
	found, err := m.describe(ctx)
	return m.untilReady(ctx, found, err, ready)
}

// untilReady describes the stream again until it is ready. found and err are the first description. A stream that was
// just created may still be unknown.
func (m *Manager) untilReady(ctx context.Context, found *types.StreamDescriptionSummary, err error, ready []types.StreamStatus) (*types.StreamDescriptionSummary, error) {
	started, reported := time.Now(), time.Time{}
	for polled := 1; ; polled++ {
		var absent *types.ResourceNotFoundException
		switch {
		case err != nil && !errors.As(err, &absent):
			return nil, m.explain("describe stream", "kinesis:DescribeStreamSummary", err)
		case err != nil:
		case slices.Contains(ready, found.StreamStatus):
			return found, nil
		case found.StreamStatus == types.StreamStatusDeleting:
			return nil, fmt.Errorf("stream %s is being deleted; try again when it is gone", m.id)
		}
		if time.Since(started) > m.timeout {
			return nil, fmt.Errorf("stream %s is not ACTIVE after %s, longer than --start-timeout allows", m.id, m.timeout)
		}
		if time.Since(reported) >= reportEvery {
			reported = time.Now()
			m.log.WithField("elapsed_ms", time.Since(started).Milliseconds()).Info("stream not active yet, waiting")
		}
		if err := wait.For(ctx, polls.After(polled)); err != nil {
			return nil, fmt.Errorf("wait for stream: %w", err)
		}
		found, err = m.describe(ctx)
	}
}

func (m *Manager) describe(ctx context.Context) (*types.StreamDescriptionSummary, error) {
	name, arn := m.address()
	var out *kinesis.DescribeStreamSummaryOutput
	err := m.start(ctx, "the description of the stream", func(ctx context.Context) (err error) {
		out, err = m.api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// start is a call of a start: what may pass by itself is waited for.
func (m *Manager) start(ctx context.Context, what string, call func(context.Context) error) error {
	return startup.Wait(ctx, m.log, what, m.timeout, call)
}

// address returns the name or the ARN of the stream, as API calls want it: exactly one of them.
func (m *Manager) address() (name, arn *string) {
	if m.wanted.ARN != "" {
		return nil, &m.wanted.ARN
	}
	return &m.wanted.Name, nil
}

// explain wraps err, and names the permission that is missing if that is the reason.
func (m *Manager) explain(step, permission string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied") {
		return fmt.Errorf("%s %s: no permission, the credentials in use need %s: %w", step, m.id, permission, err)
	}
	return fmt.Errorf("%s %s: %w", step, m.id, err)
}
