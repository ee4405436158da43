package streams

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Identity is the ARN of a stream and when it was created: a stream that was deleted and created again is another one.
func Identity(found *types.StreamDescriptionSummary) string {
	return aws.ToString(found.StreamARN) + "@" + aws.ToTime(found.StreamCreationTimestamp).UTC().Format(time.RFC3339)
}

// DistributesItself reports whether an on-demand stream has the record distribution AUTO. It then ignores explicit hash
// keys and partition keys: a record comes out of any shard, whatever the shard's hash keys.
func DistributesItself(found *types.StreamDescriptionSummary) bool {
	return found.RecordDistributionStrategy == types.RecordDistributionStrategyAuto
}
