package kcl_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/testenv/fanout"
)

// eventFaults are the ways in which an event can go wrong, each with the longest time until its records are there all the
// same: Kinesis refuses another subscription for five seconds.
func eventFaults() map[string]fanout.Fault {
	list := map[string]fanout.Fault{
		"cut in the middle": fanout.Cut(), "ended in the middle": fanout.Truncate(), "cut between": fanout.Drop(),
		"bad checksum": fanout.BadChecksum(), "silence": fanout.Silence(),
		"neither number nor children": fanout.Event(&types.SubscribeToShardEvent{MillisBehindLatest: aws.Int64(0)}),
		"another message":             fanout.Message("strange", "SubscribeToShardEvent", "{}"),
		"another event":               fanout.Message("event", "StrangeEvent", "{}"),
		"no JSON":                     fanout.Message("event", "SubscribeToShardEvent", `{"Records":[`),
		"an error":                    fanout.Message("error", "", ""),
	}
	for _, code := range []string{"InternalFailureException", "KMSThrottlingException", "KMSAccessDeniedException", "KMSDisabledException",
		"KMSInvalidStateException", "KMSNotFoundException", "KMSOptInRequired", "ResourceInUseException", "StrangeException"} {
		list[code] = fanout.Exception(code)
	}
	return list
}

// Seen to fail for all that are cut with the SDK's protocol, which says nothing of it, and for silence without a limit.
func TestBrokenSubscriptionsLoseAndRepeatNothing(t *testing.T) {
	for name, fault := range eventFaults() {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
				for range 5 {
					w.shard.put(20)
					w.until(len(w.read) + 20)
					w.adapter.Strike(1, fault)
					w.shard.put(20)
					since := time.Now()
					w.until(len(w.read) + 20)
					if took := time.Since(since); took > 30*time.Second {
						t.Errorf("went on after %v", took)
					}
				}
				if !w.adapter.Struck() {
					t.Error("the fault did not strike")
				}
				w.reads(time.Minute)
				w.exact()
				if warned := w.logged(logrus.WarnLevel); warned < 5 && name != "ResourceInUseException" {
					t.Errorf("%d warnings", warned)
				}
			})
		})
	}
}

// A large event on a slow line is no silence. Seen to fail when only whole events count.
func TestAnEventThatComesSlowlyIsAwaited(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(5)
		w.adapter.Strike(1, fanout.Trickle(10*time.Second))
		w.until(5)
		if _, opened := w.adapter.Subscriptions(); opened != 1 {
			t.Errorf("%d subscriptions", opened)
		}
		w.shard.put(5)
		w.until(10)
		w.exact()
	})
}

// A worker takes a shard over whose last owner has subscribed a moment ago, or goes on reading. Seen to fail when the
// refusal counts as a failure.
func TestATakeOverIsNoFailure(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		last := w.another()
		if _, err := last.Next(w.ctx, ""); err != nil {
			t.Fatal(err)
		}
		w.shard.put(25)
		since := time.Now()
		w.until(25)
		if took := time.Since(since); took > 7*time.Second {
			t.Errorf("taken over after %v", took)
		}
		w.shard.put(25)
		if w.reads(6 * time.Second); w.adapter.TakeOver() != 1 {
			t.Error("no subscription to take over")
		}
		w.shard.put(25)
		since = time.Now()
		w.until(75)
		if took := time.Since(since); took > 7*time.Second {
			t.Errorf("came back after %v", took)
		}
		w.exact()
		if w.logged(logrus.WarnLevel)+w.logged(logrus.ErrorLevel) > 0 {
			t.Error("warns of a take-over")
		}
	})
}

// Seen to fail for the exceptions of a subscription that was open: they do not say which service they are of.
func TestStandstillsOfFanOutAreTold(t *testing.T) {
	for code, want := range map[string]stall.Reason{
		"AccessDeniedException": stall.KinesisDenied, "ExpiredTokenException": stall.KinesisDenied, "KMSDisabledException": stall.KinesisDenied,
		"LimitExceededException": stall.KinesisFailing, "InternalFailure": stall.KinesisFailing, "ResourceInUseException": stall.KinesisFailing,
	} {
		inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
			w.shard.put(5)
			w.until(5)
			w.refuses(code, nil)
			w.adapter.Strike(1, fanout.Exception("InternalFailureException"))
			w.shard.put(5)
			for told := time.Now().Add(10 * time.Minute); ; w.reads(time.Second) {
				b, stands := w.tracker.Blocked()
				if stands && b.Reason != want || time.Now().After(told) {
					t.Fatalf("%s: told %+v, want %s", code, b, want)
				}
				if stands {
					break
				}
			}
			w.reads(time.Minute)
			w.refuses("", nil)
			w.until(10)
			w.exact()
		})
	}
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) { // each subscription fails
		w.adapter.Strike(1000, fanout.Exception("KMSAccessDeniedException"))
		w.reads(time.Minute)
		if b, stands := w.tracker.Blocked(); !stands || b.Reason != stall.KinesisDenied {
			t.Errorf("told %+v", b)
		}
		w.tracker.Waits(stall.S3) // as a commit does in between
		if b, _ := w.tracker.Blocked(); b.Reason != stall.KinesisDenied {
			t.Errorf("told %+v", b)
		}
	})
}

// Kinesis takes one call a second. Seen to fail with the SDK's own attempts, three in a call.
func TestSubscribingIsTriedOnceASecondAtMost(t *testing.T) {
	for code, least := range map[string]int{"LimitExceededException": 10, "ResourceInUseException": 55} {
		inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
			w.refuses(code, nil)
			w.reads(time.Minute)
			_, at := w.calls()
			if len(at) < least {
				t.Errorf("%s: %d calls in a minute", code, len(at))
			}
			for i := range at[1:] {
				if pause := at[i+1].Sub(at[i]); pause < 995*time.Millisecond {
					t.Fatalf("%s: the next call after %v", code, pause)
				}
			}
		})
	}
}
