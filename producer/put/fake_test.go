package put_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/producer/put"
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

// stream is a Kinesis stream in memory whose calls fail as the test wants.
type stream struct {
	shards  []route.Shard
	latency time.Duration
	refuse  func(shardID, data string) bool  // this entry, for throughput
	fail    func() (err error, applied bool) // the whole call; applied: after putting what it did not refuse
	check   func(in *kinesis.PutRecordInput) // strict order

	mu         sync.Mutex
	records    []stored
	sequence   int
	calls      []int // entries of each
	up, mostUp int
}

func (s *stream) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out := &kinesis.PutRecordsOutput{}
	err := s.call(ctx, func() {
		for _, entry := range in.Records {
			out.Records = append(out.Records, s.put(string(entry.Data), *entry.PartitionKey, *entry.ExplicitHashKey))
		}
	}, len(in.Records))
	return out, err
}

func (s *stream) PutRecord(ctx context.Context, in *kinesis.PutRecordInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error) {
	if s.check != nil {
		s.mu.Lock()
		s.check(in)
		s.mu.Unlock()
	}
	var result types.PutRecordsResultEntry
	if err := s.call(ctx, func() { result = s.put(string(in.Data), *in.PartitionKey, *in.ExplicitHashKey) }, 1); err != nil {
		return nil, err
	}
	if result.ErrorCode != nil {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	return &kinesis.PutRecordOutput{ShardId: result.ShardId, SequenceNumber: result.SequenceNumber}, nil
}

func (s *stream) call(ctx context.Context, apply func(), entries int) error {
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
	return nil
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
	s.sequence++
	s.records = append(s.records, stored{data, partitionKey, hashKey, shardID, s.sequence, time.Now()})
	return types.PutRecordsResultEntry{ShardId: &shardID, SequenceNumber: aws.String(strconv.Itoa(s.sequence))}
}

func (s *stream) answerAtOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = 0
}

// book and spilled keep what they are given.
type book struct {
	entries []ledger.Line
	err     error
}

func (b *book) Append(entries []ledger.Line) error {
	b.entries = append(b.entries, entries...)
	return b.err
}

type spilled struct {
	mu     sync.Mutex
	events []event.Event
	err    error
}

func (s *spilled) Write(events []event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.events = append(s.events, events...)
	}
	return s.err
}

// bench is a sender with everything around it.
type bench struct {
	*put.Sender
	stream    *stream
	book      book
	spilled   spilled
	misrouted []uint64
	router    *route.Router
	made      int
	padding   int // of each event, in bytes
	err       chan error
	cancel    context.CancelCauseFunc
}

func shards(n int) []route.Shard {
	all := make([]route.Shard, n)
	for i := range all {
		first, last := hashkey.FromWords(uint64(i)*(^uint64(0)/uint64(n)), 0), hashkey.Max()
		if i < n-1 {
			last = hashkey.FromWords(uint64(i+1)*(^uint64(0)/uint64(n))-1, ^uint64(0))
		}
		all[i] = route.Shard{ID: fmt.Sprintf("shardId-%012d", i), HashKeys: hashkey.Range{First: first, Last: last}}
	}
	return all
}

// start runs a sender for n shards in the current synctest bubble.
func start(t *testing.T, n int, cfg put.Config, prepare func(*bench)) *bench {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	cfg.Stream, cfg.MaxRecordBytes = "calls", 1<<20
	b := &bench{stream: &stream{shards: shards(n), latency: 20 * time.Millisecond}, router: route.New(1), err: make(chan error, 1)}
	b.router.Use(b.stream.shards)
	if prepare != nil {
		prepare(b)
	}
	b.Sender = put.NewSender(cfg, b.stream, &b.book, &b.spilled, func(version uint64) { b.misrouted = append(b.misrouted, version) }, log)
	ctx, cancel := context.WithCancelCause(t.Context())
	b.cancel = cancel
	go func() { b.err <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(nil) })
	return b
}

func id(n int) string { return fmt.Sprintf("call-%06d", n) }

// make puts n records.
func (b *bench) make(n int) (err error) {
	for range n {
		e := event.Event{CallID: id(b.made), JSON: fmt.Appendf(nil, `{"event":{"property":{"call_id":"%s"}}}%*s`, id(b.made), b.padding, "")}
		b.made++
		err = errors.Join(err, b.Put(put.Record{Event: e, To: b.router.Next(), Created: time.Now()}))
	}
	return err
}

// finish closes the sender and waits for it.
func (b *bench) finish() error {
	b.Close()
	return <-b.err
}

// verify checks what must hold after every run, however it went: each record is acknowledged or spilled, never both;
// what is acknowledged is in the stream, where the ledger says; nothing is in the stream twice beyond what was
// counted as possible duplicate.
func (b *bench) verify(t *testing.T) {
	t.Helper()
	at, times := map[string]stored{}, map[string]int{}
	for _, r := range b.stream.records {
		at[fmt.Sprint(r.partitionKey, r.shardID, r.sequence)] = r
		times[r.partitionKey]++
	}
	settled := map[string]int{}
	for _, e := range b.book.entries {
		settled[e.CallID]++
		if _, ok := at[fmt.Sprint(e.CallID, e.ShardID, e.SequenceNumber)]; !ok {
			t.Errorf("the stream does not have %v", e)
		}
	}
	for _, e := range b.spilled.events {
		settled[e.CallID]++
	}
	for n := range b.made {
		if settled[id(n)] != 1 {
			t.Errorf("%s was settled %d times", id(n), settled[id(n)])
		}
	}
	stats, twice := b.Stats(), 0
	for _, n := range times {
		if n > 1 {
			twice++
		}
	}
	if uint64(twice) > stats.PossibleDuplicates {
		t.Errorf("%d records are in the stream twice, %d counted as possible", twice, stats.PossibleDuplicates)
	}
	if int(stats.Records) != len(b.book.entries) || int(stats.Spilled) != len(b.spilled.events) || stats.Unsent != 0 || stats.InFlight != 0 {
		t.Errorf("%d acknowledged, %d spilled, but the figures are %+v", len(b.book.entries), len(b.spilled.events), stats)
	}
}

// inBubble runs f in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
