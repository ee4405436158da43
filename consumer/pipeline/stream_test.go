package pipeline_test

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
)

const shardID = "shardId-000000000000"

// The shard owns the lower half of the hash keys.
var (
	ownKeys     = hashkey.Range{Last: hashkey.FromWords(1<<63-1, ^uint64(0))}
	foreignKey  = hashkey.Max()
	startNumber = sequence.Number("100")
)

// stream is one shard. Its user records are numbered from 1 and good, or, every third or so, rejected. Every container has
// one that is outside its shard.
type stream struct {
	records []types.Record
	numbers []sequence.Number
	trimmed int // so many records are gone
	day     int // days since the first
	users   []user
}

// user is what should become of a user record.
type user struct {
	record   int // index into records
	rejected bool
}

func (s *stream) arrival() time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).AddDate(0, 0, s.day)
}

// put appends a record: one user record, or a container of several if kind says so.
func (s *stream) put(kind byte) {
	s.numbers = append(s.numbers, sequence.Number(strconv.Itoa(110+10*len(s.records))))
	var data []byte
	switch kind % 5 {
	case 0, 1:
		data = s.user(false)
	case 2:
		data = s.user(true)
	default:
		container := kpl.NewAggregator(1 << 20)
		container.Add("p", hashkey.Key{}, s.user(false))
		container.Add("p", foreignKey, s.outside())
		container.Add("p", hashkey.Key{}, s.user(kind&64 != 0))
		data = container.Flush(nil)
	}
	s.records = append(s.records, types.Record{
		Data: data, PartitionKey: aws.String("p"), ApproximateArrivalTimestamp: aws.Time(s.arrival()),
		SequenceNumber: aws.String(s.numbers[len(s.records)].String()),
	})
}

// user makes the next user record. A rejected one says its number in the wrong way.
func (s *stream) user(rejected bool) []byte {
	s.users = append(s.users, user{len(s.records), rejected})
	id := strconv.Itoa(len(s.users))
	if rejected {
		id = "x" + id
	}
	return fmt.Appendf(nil, `{"user":{"user_id":%q}}`, id)
}

// outside makes the next user record, a good one for a container that brings it to a shard that is not its own.
func (s *stream) outside() []byte {
	data := s.user(false)
	s.users[len(s.users)-1].rejected = true
	return data
}

// nextDay moves the clock. Retention is a day here: what is older goes.
func (s *stream) nextDay(days int) {
	s.day += days
	oldest := s.arrival().AddDate(0, 0, -1)
	for s.trimmed < len(s.records) && s.records[s.trimmed].ApproximateArrivalTimestamp.Before(oldest) {
		s.trimmed++
	}
}

// read returns up to n records after the position, preceded by some that were delivered before.
func (s *stream) read(after sequence.Number, n, overlap int) []types.Record {
	i := 0
	for i < len(s.numbers) && !s.numbers[i].After(after) {
		i++
	}
	end := min(len(s.records), max(i, s.trimmed)+n)
	return s.records[max(s.trimmed, i-overlap):max(end, s.trimmed)]
}
