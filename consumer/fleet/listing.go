package fleet

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Listed is a shard of the stream.
type Listed struct {
	ID       string
	Parents  []string
	HashKeys [2]string // first and last
	From, To float64   // where they begin and end in the key space, 0 to 1
	Closed   bool
}

// FromKinesis returns shards as ListShards has them, ordered by hash key.
func FromKinesis(shards []types.Shard) []Listed {
	listed := make([]Listed, 0, len(shards))
	for _, s := range shards {
		l := Listed{ID: aws.ToString(s.ShardId)}
		for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
			if aws.ToString(parent) != "" {
				l.Parents = append(l.Parents, *parent)
			}
		}
		if s.HashKeyRange != nil {
			l.HashKeys = [2]string{aws.ToString(s.HashKeyRange.StartingHashKey), aws.ToString(s.HashKeyRange.EndingHashKey)}
			l.From, l.To = fraction(l.HashKeys[0], 0), fraction(l.HashKeys[1], 1)
		}
		l.Closed = s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil
		listed = append(listed, l)
	}
	slices.SortFunc(listed, func(a, b Listed) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID))
	})
	return listed
}

// fraction is where a hash key lies in the key space, 0 to 1. What is no hash key lies at 0.
func fraction(key string, plus int64) float64 {
	n, ok := new(big.Int).SetString(key, 10)
	if !ok {
		return 0
	}
	n.Add(n, big.NewInt(plus))
	f, _ := new(big.Rat).SetFrac(n, new(big.Int).Lsh(big.NewInt(1), 128)).Float64()
	return min(max(f, 0), 1)
}
