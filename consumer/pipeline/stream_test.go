package pipeline_test

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
)

const shardID = "shardId-000000000000"

// The first shard owns the lower half of the hash keys.
var (
	ownKeys     = hashkey.Range{Last: hashkey.FromWords(1<<63-1, ^uint64(0))}
	foreignKey  = hashkey.Max()
	startNumber = sequence.Number("100")
)

// stream is one shard, of which there may have been others before. Its user records are numbered from 1 and good, or, every
// third or so, rejected. Every container of a foreign producer has one that is outside its shard.
type stream struct {
	shard   int
	records []types.Record
	numbers []sequence.Number
	trimmed int    // so many records are gone
	day     int    // days since the first
	users   []user // of the shards before, too
}

// user is what should become of a user record, however often it is put.
type user struct {
	rejected bool
	id       identity.ID // none: each copy is to be kept
	data     []byte
	copies   []spot
}

// spot is where a copy of a user record is.
type spot struct {
	shard, record, sub int
	day                int
	again              bool // marked
}

func (s *stream) arrival() time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).AddDate(0, 0, s.day)
}

// put appends a record of a foreign producer: one user record, or a container of several if kind says so.
func (s *stream) put(kind byte) {
	var data []byte
	switch kind % 5 {
	case 0, 1:
		data = s.user(false, 0)
	case 2:
		data = s.user(true, 0)
	default:
		container, keys := kpl.NewAggregator(1<<20), shards[s.shard].HashKeys
		other := foreignKey
		if keys.Contains(other) {
			other = hashkey.Key{}
		}
		container.Add("p", keys.First, s.user(false, 0))
		container.Add("p", other, s.user(false, 1))
		s.users[len(s.users)-1].rejected = !keys.Contains(other) // it is good, and comes to a shard that is not its own
		container.Add("p", keys.First, s.user(kind&64 != 0, 2))
		data = container.Flush(nil)
	}
	s.append("p", data)
}

func (s *stream) append(partitionKey string, data []byte) {
	s.numbers = append(s.numbers, sequence.Number(strconv.Itoa(110+10*len(s.records))))
	s.records = append(s.records, types.Record{
		Data: data, PartitionKey: &partitionKey, ApproximateArrivalTimestamp: aws.Time(s.arrival()),
		SequenceNumber: aws.String(s.numbers[len(s.records)].String()),
	})
}

// user makes the next user record, for a place in the next record.
func (s *stream) user(rejected bool, sub int) []byte {
	s.newUser(rejected, identity.ID{})
	return s.copy(len(s.users)-1, sub, false)
}

// newUser makes a user record that is nowhere yet. A rejected one says its number in the wrong way.
func (s *stream) newUser(rejected bool, id identity.ID) {
	number := strconv.Itoa(len(s.users) + 1)
	if rejected {
		number = "x" + number
	}
	s.users = append(s.users, user{rejected: rejected, id: id, data: fmt.Appendf(nil, `{"user":{"user_id":%q}}`, number)})
}

// copy returns a user record for a place in the next record.
func (s *stream) copy(user, sub int, again bool) []byte {
	u := &s.users[user]
	u.copies = append(u.copies, spot{s.shard, len(s.records), sub, s.day, again})
	return u.data
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
