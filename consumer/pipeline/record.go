package pipeline

import (
	"encoding/base64"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/shared/kpl"
)

// appendUser adds a user record of a record that was taken to the lines or to the dead letters.
func (s *Shard) appendUser(record *types.Record, user kpl.Record) error {
	s.cfg.Metrics.records.Inc()
	reason := transform.Reason(user.Reason)
	if reason == "" {
		s.line, reason = transform.Append(s.line[:0], user.Data)
	}
	if reason != "" {
		s.rejected[reason]++
		return s.batch.Reject(s.deadLetter(record, user, reason))
	}
	if s.repairing != nil {
		return nil // its line is in the link already
	}
	s.line = append(s.line, '\n')
	return s.batch.Add(s.line)
}

// maxLettersBytes bounds the dead letters of one record, and so what a batch can hold beyond FlushBytes: one of 10 MiB,
// in base64, or some 100,000 that are next to nothing in a container.
const maxLettersBytes = 32 << 20

// Overflows reports whether the rejected user records of a container would take more than that; then it becomes one dead
// letter as a whole. Only a container that could do so is judged twice.
func Overflows(users iter.Seq[kpl.Record]) bool {
	all, rejected := 0, 0
	for user := range users {
		all += letterBytes(user)
	}
	if all <= maxLettersBytes {
		return false
	}
	var line []byte // scratch
	for user := range users {
		reason := transform.Reason(user.Reason)
		if reason == "" {
			line, reason = transform.Append(line[:0], user.Data)
		}
		if reason != "" && user.Reason != kpl.OutsideShard {
			rejected += letterBytes(user)
		}
	}
	return rejected > maxLettersBytes
}

// letterBytes is about what user takes as a dead letter, and seldom less: names, numbers and times, a partition key of
// whatever JSON escapes, and the data.
func letterBytes(user kpl.Record) int {
	const fixed = 384
	return fixed + 6*len(user.PartitionKey) + base64.StdEncoding.EncodedLen(len(user.Data))
}
