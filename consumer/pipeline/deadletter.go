package pipeline

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/kpl"
)

// deadLetter describes a rejected user record. What a container does not say of it, its partition key above all, is
// that of the record it came in.
func (s *Shard) deadLetter(record *types.Record, user kpl.Record, reason transform.Reason) warehouse.DeadLetter {
	letter := warehouse.DeadLetter{
		Stream:          s.cfg.Stream,
		ShardID:         s.info.ID,
		SequenceNumber:  aws.ToString(record.SequenceNumber),
		SubSequence:     user.SubSequence,
		PartitionKey:    aws.ToString(record.PartitionKey),
		ExplicitHashKey: string(user.ExplicitHashKey),
		ArrivalTime:     aws.ToTime(record.ApproximateArrivalTimestamp).UTC(),
		Reason:          reason,
		Data:            user.Data,
	}
	if user.PartitionKey != nil {
		letter.PartitionKey = string(user.PartitionKey)
	}
	return letter
}
