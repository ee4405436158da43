package streams

import "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

// DistributesItself reports whether an on-demand stream has the record distribution AUTO. It then ignores explicit hash
// keys and partition keys: a record comes out of any shard, whatever the shard's hash keys.
func DistributesItself(found *types.StreamDescriptionSummary) bool {
	return found.RecordDistributionStrategy == types.RecordDistributionStrategyAuto
}
