package fanout

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// position is where a subscription starts.
type position struct {
	Type           types.ShardIteratorType
	SequenceNumber string
	Timestamp      float64 // seconds
}

func (p position) iterator(stream, shard string) *kinesis.GetShardIteratorInput {
	in := &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: &shard, ShardIteratorType: p.Type}
	if p.SequenceNumber != "" {
		in.StartingSequenceNumber = &p.SequenceNumber
	}
	if p.Timestamp != 0 {
		at := time.UnixMilli(int64(p.Timestamp * 1000))
		in.Timestamp = &at
	}
	return in
}

// positions give each position a number that only this server knows. So a client that goes on elsewhere than at the
// continuation sequence number is found out, and one that invents a number is refused.
type positions struct{ named []position }

// firstName is above every sequence number of a record, so none is mistaken for another.
const firstName = 9_000_000_000_000_000_000

func (p *positions) name(at position) string {
	for i := len(p.named) - 1; i >= max(0, len(p.named)-100); i-- {
		if p.named[i] == at {
			return strconv.FormatUint(firstName+uint64(i), 10)
		}
	}
	p.named = append(p.named, at)
	return strconv.FormatUint(firstName+uint64(len(p.named)-1), 10)
}

// resolve returns the position itself, unless it follows a number of ours. ok is false for a number that nobody was given.
func (p *positions) resolve(at position) (of position, ok bool) {
	n, err := strconv.ParseUint(at.SequenceNumber, 10, 64)
	if err != nil || n < firstName { // a record's number has more digits, or it is a fake's
		return at, true
	}
	if i := n - firstName; at.Type == types.ShardIteratorTypeAfterSequenceNumber && i < uint64(len(p.named)) {
		return p.named[i], true
	}
	return position{}, false
}
