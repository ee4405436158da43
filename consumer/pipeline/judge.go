package pipeline

import (
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// userRecords are the user records of one Kinesis record, each judged once: it becomes a line or a dead letter, or it is a copy of
// one that is settled.
type userRecords struct {
	copies
	lines    []byte // each with its line feed
	ends     []int  // of the lines
	rejected []rejection
	bytes    int // of the rejected ones as dead letters
	copied   int // so many are dropped
}

type rejection struct {
	user   kpl.Record
	reason transform.Reason
}

// maxDeadLetterBytes bounds the dead letters of one Kinesis record, and so what a batch can hold beyond FlushBytes: one
// record of 10 MiB, in base64, or some 85,000 small ones of a container.
const maxDeadLetterBytes = 32 << 20

// judge takes a Kinesis record of a shard with those hash keys apart, and transforms its user records. A container whose rejected
// user records would take more than maxDeadLetterBytes becomes one dead letter as a whole.
func (u *userRecords) judge(data []byte, hashKeys hashkey.Range, by copies) {
	*u = userRecords{copies: by, lines: u.lines[:0], ends: u.ends[:0], rejected: u.rejected[:0]}
	users, aggregated := kpl.Split(data, hashKeys)
	if !aggregated {
		u.add(kpl.Record{Data: data})
		return
	}
	overflows := false
	for user := range users {
		if overflows {
			by.settle(user.SubSequence) // it is in the one dead letter, too
			continue
		}
		u.add(user)
		if overflows = u.bytes > maxDeadLetterBytes; overflows {
			whole := rejection{kpl.Record{Data: data}, transform.ContainerOverflow}
			*u = userRecords{lines: u.lines[:0], ends: u.ends[:0], rejected: append(u.rejected[:0], whole)}
		}
	}
}

func (u *userRecords) add(user kpl.Record) {
	reason := transform.Reason(user.Reason)
	switch before := u.settle(user.SubSequence); {
	case before && u.again: // Only what may have been sent before is dropped, and only if its event is there.
		u.copied++
		return
	case before: // a first send: either it came after a later one, or it is another event under the same name
		reason = transform.SuspectedCopy
	case reason == "":
		u.lines, reason = transform.Append(u.lines, user.Data)
	}
	if reason != "" {
		u.rejected = append(u.rejected, rejection{user, reason})
		u.bytes += deadLetterBytes(user)
		return
	}
	u.lines = append(u.lines, '\n')
	u.ends = append(u.ends, len(u.lines))
}

// deadLetterBytes is about the size of user as a dead letter, and seldom less: names, numbers and times, a partition
// key that JSON escapes throughout, and the data in base64.
func deadLetterBytes(user kpl.Record) int {
	const fixed = 384
	return fixed + 6*len(user.PartitionKey) + base64.StdEncoding.EncodedLen(len(user.Data))
}

// deadLetter describes a rejected user record. A user record without a partition key of its own has that of its Kinesis
// record.
func (p *Pipeline) deadLetter(record *types.Record, r rejection) warehouse.DeadLetter {
	letter := warehouse.DeadLetter{
		Stream:          p.cfg.Stream,
		ShardID:         p.shard.ID,
		SequenceNumber:  aws.ToString(record.SequenceNumber),
		SubSequence:     r.user.SubSequence,
		PartitionKey:    aws.ToString(record.PartitionKey),
		ExplicitHashKey: string(r.user.ExplicitHashKey),
		ArrivalTime:     aws.ToTime(record.ApproximateArrivalTimestamp).UTC(),
		Reason:          r.reason,
		Data:            r.user.Data,
	}
	if r.user.PartitionKey != nil {
		letter.PartitionKey = string(r.user.PartitionKey)
	}
	return letter
}
