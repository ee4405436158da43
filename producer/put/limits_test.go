package put_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/producer/put"
	"example.com/callevents/shared/event"
)

func TestAShardGetsNoMoreThanItsLimits(t *testing.T) {
	cfg := put.Config{ShardRecords: 1000, ShardBytes: 1e6, InFlight: 8, Linger: 50 * time.Millisecond}
	for name, run := range map[string]struct {
		padding, records int
		want             time.Duration // by the limit, less the full bucket at the start
	}{
		"records": {0, 22_000, 10900 * time.Millisecond},
		"bytes":   {10_000, 1000, 4900 * time.Millisecond},
		"large":   {700_000, 10, 2700 * time.Millisecond}, // larger than the bucket: they pass, and leave a debt
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 2, cfg, func(b *rig) { b.padding = run.padding })
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
					// At the start the buckets are full: the tokens of a tenth of a second, and the record that empties them.
					elapsed := r.at.Sub(began).Seconds()
					if float64(records) > 101+elapsed*float64(cfg.ShardRecords) || float64(bytes) > 1e5+float64(len(r.data)+len(r.partitionKey))+elapsed*float64(cfg.ShardBytes) {
						t.Fatalf("after %.3f s the shard has %d records, %d bytes", elapsed, records, bytes)
					}
				}
				if took := time.Since(began); took < run.want || took > run.want+500*time.Millisecond {
					t.Errorf("took %s, want %s: the limit is not used", took, run.want)
				}
			})
		})
	}
}

// Records of 10 MiB, the largest that a stream can be set to take, over a line that takes half a minute for each. A shard
// takes 1 MB a second: each of them leaves a debt of ten seconds. Seen to fail with 15 seconds for every call: 24 calls,
// and all records spilled.
func TestRecordsOfTenMebibytesArePut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := put.Config{ShardRecords: 1000, ShardBytes: 1e6, InFlight: 8, Linger: 50 * time.Millisecond, MaxRecordBytes: 10 << 20, RecordTTL: 2 * time.Minute}
		b := start(t, 2, cfg, func(b *rig) { b.stream.latency = 30 * time.Second })
		for range 4 {
			e := event.Event{CallID: id(b.made), JSON: bytes.Repeat([]byte(" "), 10<<20-len(id(b.made)))}
			b.made++
			if err := b.Put(put.Record{Event: e, To: b.router.Next(), Created: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if s := b.Stats(); s.Records != 4 || s.Calls != 4 || s.PossibleDuplicates > 0 || s.Spilled > 0 {
			t.Errorf("%d acknowledged in %d calls, %d possible duplicates, %d spilled", s.Records, s.Calls, s.PossibleDuplicates, s.Spilled)
		}
	})
}

func TestPutBlocksWhenTooMuchIsUnsentAndWhileTheOldestIsTooOld(t *testing.T) {
	for name, blockAfter := range map[string]time.Duration{"too much": 0, "too old": time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 1, put.Config{BlockAfter: blockAfter}, func(b *rig) { b.stream.latency = 5 * time.Second })
				blocked := make(chan error)
				go func() { blocked <- b.make(20_600) }()
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				if blockAfter > 0 {
					time.Sleep(time.Second) // the oldest is too old now: nothing is accepted until the call ends
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
