package put_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/callevents/producer/put"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEverythingIsPutInFullBatches(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{Linger: 100 * time.Millisecond, InFlight: 2}, nil)
		if err := errors.Join(b.make(5250), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if len(b.book.entries) != 5250 || len(b.stream.calls) != 11 || b.stream.mostUp > 2 {
			t.Errorf("%d acknowledged in %d calls %v, at most %d at once", len(b.book.entries), len(b.stream.calls), b.stream.calls, b.stream.mostUp)
		}
		for shardID, n := range b.Stats().PerShard {
			if n != 1312 && n != 1313 {
				t.Errorf("%s has %d of 5,250 records", shardID, n)
			}
		}
	})
}

func TestABatchIsLimitedInBytes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{Linger: time.Second}, nil)
		big := strings.Repeat(" ", 1<<20)
		for n := range 9 {
			r := put.Record{To: b.router.Next(), Created: time.Now()}
			r.Event.CallID, r.Event.JSON = id(n), []byte(big)
			b.made++
			if err := b.Put(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if len(b.stream.calls) != 3 {
			t.Errorf("nine records of 1 MiB and their keys went out as %v", b.stream.calls)
		}
	})
}

func TestARecordLingersForOthersButNotLonger(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{Linger: 100 * time.Millisecond}, nil)
		if err := b.make(3); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(time.Second)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		if len(b.stream.calls) != 1 || b.stream.records[0].at.Sub(began) != 120*time.Millisecond {
			t.Errorf("calls %v, the first record in the stream after %s", b.stream.calls, b.stream.records[0].at.Sub(began))
		}
	})
}

// However records come, none waits longer than the linger time, containers twice as long, and one call.
func TestNoRecordIsForgotten(t *testing.T) {
	for _, cfg := range []put.Config{{Linger: 100 * time.Millisecond}, {Linger: 100 * time.Millisecond, InFlight: 8, Aggregate: true}, {InFlight: 8}, {InFlight: 8, StrictOrder: true}} {
		inBubble(t, func(t *testing.T) {
			b, random := start(t, 4, cfg, nil), rand.New(rand.NewPCG(3, 3))
			for range 500 {
				if err := b.make(random.IntN(4)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
			}
			if err := b.finish(); err != nil {
				t.Fatal(err)
			}
			longest := cfg.Linger + 2*b.stream.latency // a call may be under way
			if cfg.Aggregate {
				longest += cfg.Linger
			}
			if slowest := b.Stats().Slowest; slowest > longest {
				t.Errorf("%+v: a record took %s, want %s at most", cfg, slowest, longest)
			}
		})
	}
}

func TestAReshardIsNoticed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{}, func(b *rig) { b.stream.shards = shards(8) }) // routed by the old map
		if err := errors.Join(b.make(400), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if len(b.misrouted) < 200 || b.misrouted[0] != 1 || len(b.Stats().PerShard) != 8 {
			t.Errorf("%d misroutings seen, records on %d shards", len(b.misrouted), len(b.Stats().PerShard))
		}
	})
}
