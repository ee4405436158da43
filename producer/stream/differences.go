package stream

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/streams"
)

// MaxRecordBytes is the size of the largest record that the stream takes, partition key included. A stream that does not
// say has AWS's default, 1 MiB.
func MaxRecordBytes(found *types.StreamDescriptionSummary) int {
	return int(max(1024, aws.ToInt32(found.MaxRecordSizeInKiB))) << 10
}

// reportDifferences logs each setting that is not as wanted.
func (m *Manager) reportDifferences(ctx context.Context, found *types.StreamDescriptionSummary) {
	onDemand := found.StreamModeDetails != nil && found.StreamModeDetails.StreamMode == types.StreamModeOnDemand
	m.differ("mode", onDemand != m.wanted.OnDemand, mode(m.wanted.OnDemand), mode(onDemand))
	shards := aws.ToInt32(found.OpenShardCount)
	m.differ("shards", !onDemand && m.wanted.Shards > 0 && shards != m.wanted.Shards, m.wanted.Shards, shards)
	hours := aws.ToInt32(found.RetentionPeriodHours)
	m.differ("retention_hours", m.wanted.RetentionHours > 0 && hours != m.wanted.RetentionHours, m.wanted.RetentionHours, hours)
	key := aws.ToString(found.KeyId)
	m.differ("kms_key", m.wanted.KMSKey != "" && key != m.wanted.KMSKey, m.wanted.KMSKey, key)
	if len(m.wanted.Tags) > 0 {
		m.reportTags(ctx)
	}
	if streams.DistributesItself(found) {
		m.log.Warn(DistributesItself)
	}
}

func (m *Manager) reportTags(ctx context.Context) {
	name, arn := m.address()
	out, err := m.api.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name, StreamARN: arn})
	if err != nil {
		m.log.WithError(err).Warn("tags of the stream not read, they are not compared")
		return
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	for name, value := range m.wanted.Tags {
		has, tagged := tags[name]
		m.differ("tag "+name, !tagged || has != value, value, has)
	}
}

func (m *Manager) differ(setting string, differs bool, wanted, has any) {
	if differs {
		m.log.WithFields(logrus.Fields{"setting": setting, "wanted": wanted, "is": has}).Warn("stream setting differs, the stream is used as it is")
	}
}

func mode(onDemand bool) string {
	if onDemand {
		return "on-demand"
	}
	return "provisioned"
}
