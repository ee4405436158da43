package put_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
)

// rig is a sender with everything around it.
type rig struct {
	*put.Sender
	stream    *stream
	book      book
	spilled   spilled
	aside     spilled
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
func start(t *testing.T, n int, cfg put.Config, prepare func(*rig)) *rig {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	cfg.Stream = "calls"
	if cfg.MaxRecordBytes == 0 {
		cfg.MaxRecordBytes = 1<<20 + 100
	}
	b := &rig{stream: &stream{shards: shards(n), latency: 20 * time.Millisecond}, router: route.New(1), err: make(chan error, 1)}
	b.router.Use(b.stream.shards)
	if prepare != nil {
		prepare(b)
	}
	b.Sender = put.NewSender(cfg, b.stream, put.Files{Ledger: &b.book, Spill: &b.spilled, Aside: &b.aside}, func(version uint64) { b.misrouted = append(b.misrouted, version) }, log)
	ctx, cancel := context.WithCancelCause(t.Context())
	b.cancel = cancel
	go func() { b.err <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(nil) })
	return b
}

// openLanes has the router give identities.
func (b *rig) openLanes() {
	b.router = route.New(1)
	b.router.OpenLanes(run)
	b.router.Use(b.stream.shards)
}

func id(n int) string { return fmt.Sprintf("call-%06d", n) }

// make puts n records.
func (b *rig) make(n int) (err error) {
	for range n {
		e := event.Event{CallID: id(b.made), JSON: fmt.Appendf(nil, `{"event":{"property":{"call_id":"%s"}}}%*s`, id(b.made), b.padding, "")}
		b.made++
		err = errors.Join(err, b.Put(put.Record{Event: e, To: b.router.Next(), Created: time.Now()}))
	}
	return err
}

// finish closes the sender and waits for it.
func (b *rig) finish() error {
	b.Close()
	return <-b.err
}

// verify checks what must hold after every run: each record is acknowledged or spilled, never both. An acknowledged one
// is in the stream where the ledger says. No more records are in the stream twice than were counted as possible
// duplicates.
func (b *rig) verify(t *testing.T) {
	t.Helper()
	at, times := map[string]stored{}, map[string]int{}
	for _, r := range b.stream.records {
		at[fmt.Sprint(r.partitionKey, r.shardID, r.sequence)] = r
		times[r.partitionKey]++
	}
	ends := map[string]int{}
	for _, e := range b.book.entries {
		ends[e.CallID]++
		if _, ok := at[fmt.Sprint(e.CallID, e.ShardID, e.SequenceNumber)]; !ok {
			t.Errorf("the stream does not have %v", e)
		}
	}
	for _, e := range b.spilled.events {
		ends[e.CallID]++
	}
	for _, e := range b.aside.events {
		ends[e.CallID]++
	}
	for n := range b.made {
		if ends[id(n)] != 1 {
			t.Errorf("%s was acknowledged or spilled %d times", id(n), ends[id(n)])
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
	if int(stats.Records) != len(b.book.entries) || int(stats.Spilled) != len(b.spilled.events) || int(stats.Refused) != len(b.aside.events) || stats.Unsent != 0 || stats.InFlight != 0 {
		t.Errorf("%d acknowledged, %d spilled, but the figures are %+v", len(b.book.entries), len(b.spilled.events), stats)
	}
}

// inBubble runs f in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
