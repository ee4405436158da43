package kcl_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv/fanout"
)

// inWorld runs a test in simulated time. It fails, too, if a goroutine is left: with subscriptions that end with their
// context alone, one of the SDK was.
func inWorld(t *testing.T, opts fanout.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, opts)) })
}

// Seen to fail with a source that returns only with an event: batches did not end by age for five seconds.
func TestFanOutReadsWhatWasPutAndWhatComes(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(95)
		w.until(95)
		if w.source.Behind() != 0 {
			t.Errorf("%v behind at the tip", w.source.Behind())
		}
		for range 10 {
			w.shard.put(3)
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
				called := time.Now()
				if _, err := w.next(); err != nil || time.Since(called) > 1100*time.Millisecond {
					t.Fatalf("%v after %v", err, time.Since(called))
				}
			}
		}
		w.exact()
		if w.logged(logrus.WarnLevel) > 0 {
			t.Error("warns without a reason")
		}
	})
}

// Batches count their age from arrival once the tip is reached. Seen to fail with a source that never says so.
func TestFanOutSaysWhenTheTipIsReached(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(95)
		for len(w.read) < 95 {
			page, err := w.next()
			if err != nil {
				t.Fatal(err)
			}
			if last := len(w.read) == 95; page.Read && page.Tip != last {
				t.Fatalf("after %d of 95 records: at the tip %v", len(w.read), page.Tip)
			}
		}
	})
}

// Kinesis ends a subscription after five minutes, or sooner. Seen to fail without renewal: the subscriptions ended by
// themselves.
func TestSubscriptionsAreRenewedWithoutGapOrRepeat(t *testing.T) {
	for life, want := range map[time.Duration]int{5 * time.Minute: 13, time.Minute: 60} {
		inWorld(t, fanout.Options{Life: life}, func(t *testing.T, w *world) {
			for range 360 {
				w.shard.put(3)
				w.reads(10 * time.Second)
			}
			w.exact()
			if _, opened := w.adapter.Subscriptions(); opened < want || opened > want+1 {
				t.Errorf("%d subscriptions of %v in an hour, want %d", opened, life, want)
			}
			ended := 0
			for _, line := range w.log.AllEntries() {
				if strings.HasPrefix(line.Message, "subscription ended in order") {
					ended++
				}
			}
			if ended > 0 && life == 5*time.Minute || w.logged(logrus.WarnLevel) > 0 {
				t.Errorf("%d subscriptions were not renewed in time", ended)
			}
		})
	}
}

// The next subscription begins where Kinesis said that the last one had come to, also if no record came. Seen to fail with
// the number of the last record, and with TRIM_HORIZON for the empty shard. The number means nothing once the pipeline was
// moved; seen to fail when it is kept.
func TestSubscriptionsBeginAtTheContinuation(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		begins := func(with string) {
			t.Helper()
			if asked, _ := w.calls(); len(asked) == 0 || !strings.Contains(asked[len(asked)-1], with) {
				t.Errorf("asked for %s, want %s", asked, with)
			}
		}
		w.reads(time.Second)
		begins(`"TRIM_HORIZON"`)
		w.reads(5 * time.Minute)
		begins(`"SequenceNumber":"9000000000000000000"`)
		w.shard.put(50)
		w.until(50)
		w.reads(5 * time.Minute)
		begins(`"SequenceNumber":"900000000000000000`)
		for _, to := range []int{19, 39} { // back, and ahead
			w.at, w.read = sequence.Number(*w.shard.records[to].SequenceNumber), nil
			for range to + 1 {
				w.read = append(w.read, string(w.shard.records[len(w.read)].Data))
			}
			w.reads(10 * time.Second)
			w.exact()
			begins(`"SequenceNumber":"` + *w.shard.records[to].SequenceNumber)
		}
	})
}

// Seen to fail when the source goes on asking for the number that is refused.
func TestAContinuationThatIsRefusedIsReplacedByTheLastRecord(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(25)
		w.until(25)
		w.refuses("InvalidArgumentException", func(body string) bool { return strings.Contains(body, `"9000`) })
		w.shard.put(25)
		w.reads(10 * time.Minute)
		w.exact()
		if w.logged(logrus.WarnLevel) != 2 {
			t.Errorf("%d warnings, want one for each renewal", w.logged(logrus.WarnLevel))
		}
	})
}

func TestFanOutEndsWithTheShard(t *testing.T) {
	for _, records := range []int{0, 35} {
		inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
			w.shard.put(records)
			w.reads(10 * time.Second)
			w.shard.change(func() { w.shard.closed = true })
			for deadline := time.Now().Add(time.Minute); ; {
				page, err := w.next()
				if err != nil || time.Now().After(deadline) {
					t.Fatalf("no end, %v", err)
				}
				if page.End {
					if page.At != w.at {
						t.Errorf("ends at %s, read as far as %s", page.At, w.at)
					}
					break
				}
			}
			w.exact()
		})
	}
}

// While the pipeline commits, nobody asks for events. Seen to fail with events that are put into a queue: all of them
// were in memory.
func TestASlowPipelineHoldsTheSubscriptionBack(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.size = 1000
		w.shard.put(1000)
		w.until(100)
		for range 5 {
			time.Sleep(2 * time.Minute)
			if _, given := w.shard.count(); given-len(w.read) > 50 {
				t.Fatalf("%d records on their way, in events of 10", given-len(w.read))
			}
			w.until(len(w.read) + 100)
			w.shard.change(func() { w.shard.given = len(w.read) }) // what came again after a renewal
		}
		w.until(1000)
		w.reads(time.Minute)
		w.exact()
	})
}

// A person deregisters the consumer while it reads. Seen to fail when the error counts for the shard's end.
func TestAConsumerThatWasDeregisteredIsRegisteredAgain(t *testing.T) {
	inWorld(t, fanout.Options{Registering: 20 * time.Second}, func(t *testing.T, w *world) {
		w.shard.put(25)
		w.reads(10 * time.Second)
		in := &kinesis.DeregisterStreamConsumerInput{StreamARN: aws.String(streamARN), ConsumerName: aws.String("app")}
		if _, err := w.client.DeregisterStreamConsumer(w.ctx, in); err != nil {
			t.Fatal(err)
		}
		w.shard.put(25)
		w.reads(time.Minute)
		w.exact()
		if n := len(w.adapter.Registered()); n != 1 {
			t.Errorf("%d consumers registered", n)
		}
		if _, stands := w.tracker.Blocked(); stands {
			t.Error("still told as standing still")
		}
	})
}

// The shard is not there, and the consumer is. Seen to fail when the consumer is registered again and again.
func TestAShardThatIsGoneEndsTheSource(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(5)
		w.until(5)
		w.shard.change(func() { w.shard.gone = true })
		for deadline := time.Now().Add(10 * time.Minute); ; {
			if _, err := w.next(); errors.Is(err, kcl.ErrGone) {
				break
			} else if err != nil || time.Now().After(deadline) {
				t.Fatalf("not found out, %v", err)
			}
		}
	})
}
