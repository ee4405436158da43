package put_test

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/producer/route"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
)

// stored is a record as the stream has it.
type stored struct {
	data, partitionKey, hashKey, shardID string
	sequence                             int
	at                                   time.Time
}

// stream is a Kinesis stream in memory. Its calls fail as the test wants.
type stream struct {
	shards  []route.Shard
	latency time.Duration
	refuse  func(shardID, data string) bool  // this entry, for throughput
	entry   func() string                    // an error code of an entry; empty: none
	fail    func() (err error, applied bool) // the whole call; applied: the records were put all the same
	check   func(in *kinesis.PutRecordInput) // strict order
	invalid func(data string) bool           // a call with it is refused as a whole

	mu         sync.Mutex
	records    []stored
	sequence   int
	calls      []int // entries of each
	up, mostUp int
}

func (s *stream) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out := &kinesis.PutRecordsOutput{}
	for _, entry := range in.Records {
		if s.invalid != nil && s.invalid(string(entry.Data)) {
			return nil, s.call(ctx, func() {}, len(in.Records), &types.ValidationException{})
		}
	}
	err := s.call(ctx, func() {
		for _, entry := range in.Records {
			out.Records = append(out.Records, s.put(string(entry.Data), *entry.PartitionKey, *entry.ExplicitHashKey))
		}
	}, len(in.Records), nil)
	return out, err
}

func (s *stream) PutRecord(ctx context.Context, in *kinesis.PutRecordInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error) {
	if s.check != nil {
		s.mu.Lock()
		s.check(in)
		s.mu.Unlock()
	}
	if s.invalid != nil && s.invalid(string(in.Data)) {
		return nil, s.call(ctx, func() {}, 1, &types.ValidationException{})
	}
	var result types.PutRecordsResultEntry
	if err := s.call(ctx, func() { result = s.put(string(in.Data), *in.PartitionKey, *in.ExplicitHashKey) }, 1, nil); err != nil {
		return nil, err
	}
	if result.ErrorCode != nil {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	return &kinesis.PutRecordOutput{ShardId: result.ShardId, SequenceNumber: result.SequenceNumber}, nil
}

func (s *stream) call(ctx context.Context, apply func(), entries int, answer error) error {
	s.mu.Lock()
	s.calls = append(s.calls, entries)
	s.up++
	s.mostUp = max(s.mostUp, s.up)
	latency := s.latency
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.up--; s.mu.Unlock() }()
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err, applied := s.fail(); err != nil {
			if applied {
				apply()
			}
			return err
		}
	}
	apply()
	return answer
}

func (s *stream) put(data, partitionKey, hashKey string) types.PutRecordsResultEntry {
	key, err := hashkey.Parse(hashKey)
	if err != nil {
		return types.PutRecordsResultEntry{ErrorCode: aws.String("ValidationException")}
	}
	var shardID string
	for _, shard := range s.shards {
		if shard.HashKeys.Contains(key) {
			shardID = shard.ID
		}
	}
	if s.refuse != nil && s.refuse(shardID, data) {
		return types.PutRecordsResultEntry{ErrorCode: aws.String("ProvisionedThroughputExceededException"), ErrorMessage: aws.String("slow down")}
	}
	if s.entry != nil {
		if code := s.entry(); code != "" {
			return types.PutRecordsResultEntry{ErrorCode: &code}
		}
	}
	s.sequence++
	s.records = append(s.records, stored{data, partitionKey, hashKey, shardID, s.sequence, time.Now()})
	return types.PutRecordsResultEntry{ShardId: &shardID, SequenceNumber: aws.String(strconv.Itoa(s.sequence))}
}

func (s *stream) answerAtOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = 0
}

// disk is what a write meets.
type disk struct {
	mu    sync.Mutex
	err   error
	hangs chan struct{} // a write waits for it; nil: it does not wait
	tried int
}

func (d *disk) meet() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried++
	if hangs := d.hangs; hangs != nil {
		d.mu.Unlock()
		<-hangs
		d.mu.Lock()
	}
	return d.err
}

// book is a ledger, spilled a spill in memory.
type book struct {
	disk
	entries []ledger.Line
}

func (b *book) Append(entries []ledger.Line) error {
	err := b.meet()
	b.entries = append(b.entries, entries...)
	return err
}

type spilled struct {
	disk
	events []event.Event
}

func (s *spilled) Write(events []event.Event) error {
	err := s.meet()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.events = append(s.events, events...)
	}
	return err
}

// change changes how the stream and the disks behave from now on.
func (b *rig) change(how func()) {
	b.stream.mu.Lock()
	defer b.stream.mu.Unlock()
	b.book.mu.Lock()
	defer b.book.mu.Unlock()
	b.spilled.mu.Lock()
	defer b.spilled.mu.Unlock()
	how()
}

// mend is a change after which everything works.
func (b *rig) mend() {
	b.stream.latency, b.stream.fail, b.stream.refuse = 20*time.Millisecond, nil, nil
	for _, d := range []*disk{&b.book.disk, &b.spilled.disk} {
		if d.hangs != nil {
			close(d.hangs)
		}
		d.hangs, d.err = nil, nil
	}
}
