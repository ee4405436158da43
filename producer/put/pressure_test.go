package put_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/producer/put"
)

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

func TestAShardGetsNoMoreThanItsLimits(t *testing.T) {
	cfg := put.Config{ShardRecords: 1000, ShardBytes: 1e6, InFlight: 8, Linger: 50 * time.Millisecond}
	for name, run := range map[string]struct {
		padding, records int
		takes            time.Duration // what the limit makes of it, less the full bucket at the start
	}{
		"records": {0, 22_000, 10900 * time.Millisecond},
		"bytes":   {10_000, 1000, 4900 * time.Millisecond},
		"large":   {700_000, 10, 2700 * time.Millisecond}, // no bucket holds that much: they go, and are made up for
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 2, cfg, func(b *bench) { b.padding = run.padding })
				began := time.Now()
				if err := errors.Join(b.make(run.records), b.finish()); err != nil {
					t.Fatal(err)
				}
				b.verify(t)
				var records, bytes int
				for _, r := range b.stream.records {
					if !strings.HasSuffix(r.shardID, "0") {
						continue
					}
					records, bytes = records+1, bytes+len(r.data)+len(r.partitionKey)
					// At the start the buckets are full: a tenth of a second's, and the record that empties them.
					elapsed := r.at.Sub(began).Seconds()
					if float64(records) > 101+elapsed*float64(cfg.ShardRecords) || float64(bytes) > 1e5+float64(len(r.data)+len(r.partitionKey))+elapsed*float64(cfg.ShardBytes) {
						t.Fatalf("after %.3f s the shard has %d records, %d bytes", elapsed, records, bytes)
					}
				}
				if took := time.Since(began); took < run.takes || took > run.takes+500*time.Millisecond {
					t.Errorf("took %s, want %s: the limit is not used", took, run.takes)
				}
			})
		})
	}
}

func TestPutBlocksWhenTooMuchIsUnsentAndWhileTheOldestIsTooOld(t *testing.T) {
	for name, blockAfter := range map[string]time.Duration{"too much": 0, "too old": time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 1, put.Config{BlockAfter: blockAfter}, func(b *bench) { b.stream.latency = 5 * time.Second })
				blocked := make(chan error)
				go func() { blocked <- b.make(20_600) }()
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				if blockAfter > 0 {
					time.Sleep(time.Second) // the oldest is old now, and nothing is accepted until the call is back
				}
				before := b.Stats().Unsent
				if before > 20_000 || (blockAfter == 0 && before < 20_000) {
					t.Errorf("%d records accepted", before)
				}
				time.Sleep(time.Second)
				if after := b.Stats().Unsent; after != before {
					t.Errorf("%d records accepted, a second later %d", before, after)
				}
				if err := errors.Join(<-blocked, b.finish()); err != nil {
					t.Error(err)
				}
				b.verify(t)
			})
		})
	}
}

func TestStrictOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		random, last := rand.New(rand.NewPCG(5, 5)), map[string]string{}
		b := start(t, 3, put.Config{StrictOrder: true, InFlight: 8}, func(b *bench) {
			b.stream.refuse = func(string, string) bool { return random.Float64() < 0.4 }
			b.stream.check = func(in *kinesis.PutRecordInput) {
				if in.SequenceNumberForOrdering != nil {
					last[*in.PartitionKey] = *in.SequenceNumberForOrdering
				}
			}
		})
		if err := errors.Join(b.make(300), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		before := map[string]stored{}
		for _, r := range b.stream.records {
			if previous, ok := before[r.shardID]; ok && (previous.partitionKey >= r.partitionKey || last[r.partitionKey] != sequence(previous)) {
				t.Errorf("%s (ordered after %s) follows %v", r.partitionKey, last[r.partitionKey], previous)
			}
			before[r.shardID] = r
		}
		if len(b.stream.records) != 300 || b.stream.mostUp > 3 {
			t.Errorf("%d records, %d calls at once", len(b.stream.records), b.stream.mostUp)
		}
	})
}

func TestStrictOrderServesTheShardsInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{StrictOrder: true, InFlight: 2}, nil)
		if err := errors.Join(b.make(400), b.finish()); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, r := range b.stream.records[:100] {
			counts[r.shardID]++
		}
		for _, shard := range b.stream.shards {
			if n := counts[shard.ID]; n < 24 || n > 26 {
				t.Fatalf("the first 100 records in the stream: %v", counts)
			}
		}
	})
}
