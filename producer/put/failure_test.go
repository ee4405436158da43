package put_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"pgregory.net/rapid"

	"example.com/callevents/producer/put"
)

func TestOnlyWhatWasRefusedIsSentAgainUnderItsKey(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		refusals, keys := map[string]int{}, map[string]string{}
		b := start(t, 4, put.Config{}, func(b *rig) {
			b.stream.refuse = func(_, data string) bool {
				refusals[data]++
				return strings.Contains(data, "7") && refusals[data] <= 3
			}
		})
		if err := errors.Join(b.make(1000), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		for _, r := range b.stream.records {
			if keys[r.partitionKey] != "" {
				t.Errorf("%s is in the stream twice", r.partitionKey)
			}
			keys[r.partitionKey] = r.hashKey
		}
		stats, resent := b.Stats(), 0
		for _, n := range refusals {
			resent += n - 1
		}
		if int(stats.Resent) != resent || int(stats.Throttled) != resent || stats.PossibleDuplicates != 0 || resent != 3*271 { // 271 of the call_ids have a 7
			t.Errorf("%d refusals, figures %+v", resent, stats)
		}
	})
}

// Random histories of refused entries, failed calls that were or were not applied, and stops.
func TestNothingIsLostWhateverFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed, n := rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 12).Draw(rt, "shards")
		cfg := put.Config{
			Linger: rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond}).Draw(rt, "linger"), InFlight: rapid.IntRange(1, 8).Draw(rt, "in flight"),
			ShardRecords: rapid.SampledFrom([]int{0, 50, 1000}).Draw(rt, "shard records"), RecordTTL: rapid.SampledFrom([]time.Duration{0, 2 * time.Second, time.Minute}).Draw(rt, "ttl"),
			StrictOrder: rapid.Bool().Draw(rt, "strict order"), BlockAfter: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "block after"),
		}
		refuses, fails := rapid.Float64Range(0, 0.9).Draw(rt, "refuses"), rapid.Float64Range(0, 0.7).Draw(rt, "fails")
		records := rapid.IntRange(0, 800).Draw(rt, "records")
		stop := rapid.SampledFrom([]time.Duration{0, 0, time.Second}).Draw(rt, "stop after")
		inBubble(t, func(t *testing.T) {
			random, pauses := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
			b := start(t, n, cfg, func(b *rig) {
				b.stream.refuse = func(string, string) bool { return random.Float64() < refuses }
				b.stream.fail = func() (error, bool) {
					return []error{errors.New("connection reset"), &types.LimitExceededException{}, &types.InternalFailureException{}}[random.IntN(3)], random.IntN(2) == 0
				}
				failing := b.stream.fail
				b.stream.fail = func() (error, bool) {
					if random.Float64() >= fails {
						return nil, false
					}
					err, applied := failing()
					var limit *types.LimitExceededException
					return err, applied && !errors.As(err, &limit)
				}
			})
			if stop > 0 {
				time.AfterFunc(stop, func() { b.cancel(errors.New("drain")) })
			}
			for range records / 100 {
				_ = b.make(100) // once stopped, it spills
				time.Sleep(time.Duration(pauses.IntN(100)) * time.Millisecond)
			}
			if err := b.finish(); err != nil && stop == 0 {
				t.Errorf("Run: %v", err)
			}
			b.verify(t)
		})
		if t.Failed() {
			rt.FailNow()
		}
	})
}

func TestRecordsOlderThanTheirTTLAreSpilled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{RecordTTL: 10 * time.Second}, func(b *rig) {
			b.stream.refuse = func(shardID, _ string) bool { return strings.HasSuffix(shardID, "2") }
		})
		began := time.Now()
		if err := errors.Join(b.make(100), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if took := time.Since(began); len(b.spilled.events) != 25 || took < 10*time.Second || took > 16*time.Second {
			t.Errorf("%d of 100 spilled after %s", len(b.spilled.events), took)
		}
		if calls := len(b.stream.calls); calls > 30 {
			t.Errorf("%d calls in 10 s for one shard that refuses: no backoff", calls)
		}
	})
}

func TestAStopSpillsWhatIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{InFlight: 2}, func(b *rig) { b.stream.latency = time.Hour }) // until its context ends
		if err := b.make(2000); err != nil {
			t.Fatal(err)
		}
		b.cancel(errors.New("no more time"))
		if err := <-b.err; err == nil || !strings.Contains(err.Error(), "no more time") {
			t.Errorf("Run: %v", err)
		}
		if err := b.make(1); !errors.Is(err, put.ErrStopped) {
			t.Errorf("Put after the end: %v", err)
		}
		b.verify(t)
		if stats := b.Stats(); len(b.spilled.events) != 2001 || stats.PossibleDuplicates == 0 {
			t.Errorf("%d spilled, figures %+v", len(b.spilled.events), stats)
		}
	})
}

func TestACallThatHangsIsGivenUpAndSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{}, func(b *rig) { b.stream.latency = time.Hour })
		if err := b.make(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(14 * time.Second)
		b.stream.answerAtOnce()
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if stats := b.Stats(); stats.Records != 1 || stats.PossibleDuplicates != 1 || stats.FailedCalls != 1 {
			t.Errorf("figures %+v", stats)
		}
	})
}

// Without a connection nothing is put, and nothing can be in the stream twice.
func TestARefusedConnectionMakesNoPossibleDuplicates(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		failures := 3
		b := start(t, 1, put.Config{}, func(b *rig) {
			b.stream.fail = func() (error, bool) {
				if failures--; failures >= 0 {
					return &net.OpError{Op: "dial", Err: errors.New("connection refused")}, false
				}
				return nil, false
			}
		})
		if err := errors.Join(b.make(10), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if stats := b.Stats(); stats.FailedCalls != 3 || stats.PossibleDuplicates != 0 || b.book.entries[0].Unknown != 0 {
			t.Errorf("figures %+v, %v", stats, b.book.entries[0])
		}
	})
}

func TestWhatNoRetryCanCureEndsTheRun(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"no such stream": func(b *rig) {
			b.stream.fail = func() (error, bool) { return &types.ResourceNotFoundException{}, false }
		},
		"no permission": func(b *rig) {
			b.stream.fail = func() (error, bool) { return &types.AccessDeniedException{}, false }
		},
		"ledger": func(b *rig) { b.book.err = errors.New("disk full") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 4, put.Config{}, prepare)
				_ = b.make(100)
				if err := b.finish(); err == nil {
					t.Error("Run returned nil")
				}
				b.verify(t)
			})
		})
	}
}

// Nothing comes after the last acknowledgement. Its ledger error must not be lost.
func TestALedgerThatFailsAtTheLastRecordIsAnError(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{}, func(b *rig) { b.book.err = errors.New("disk full") })
		if err := errors.Join(b.make(1), b.finish()); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestASpillThatCannotBeWrittenIsCountedAsLoss(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{RecordTTL: time.Second}, func(b *rig) {
			b.spilled.err = errors.New("disk full")
			b.stream.refuse = func(string, string) bool { return true }
		})
		_ = b.make(3)
		if err := b.finish(); err != nil {
			t.Error(err)
		}
		if stats := b.Stats(); stats.Lost != 3 || stats.Spilled != 0 {
			t.Errorf("figures %+v", stats)
		}
	})
}
