package lease_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// one returns the only lease that the worker holds, once it does.
func one(t *testing.T, w *testWorker) *lease.Lease {
	t.Helper()
	for range 1000 {
		if held := w.manager.Held(); len(held) == 1 {
			return held[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no lease after 10 s")
	return nil
}

// Fails when isAhead compares text, or when Checkpoint writes whatever it is given.
func TestCheckpointNeverGoesBackAndComparesAsANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		l := one(t, c.start("a"))
		for _, step := range []struct{ write, want string }{
			{"9", "9"}, {"10", "10"}, {"9", "10"}, {"10", "10"}, {"200", "200"}, {lease.ShardEnd, lease.ShardEnd}, {"300", lease.ShardEnd},
		} {
			if err := l.Checkpoint(t.Context(), step.write, "2026-01-31"); err != nil {
				t.Fatal(err)
			}
			if got := c.table.get(shardID(0)).Checkpoint; got != step.want {
				t.Errorf("after checkpoint %s the row has %s, want %s", step.write, got, step.want)
			}
		}
		c.finish()
	})
}

// Fails when Checkpoint goes by the owner's name alone: both leases belong to worker a.
func TestLateCheckpointOfAnEarlierLeaseOfTheSameWorkerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		w := c.start("a")
		first := one(t, w)
		row := first.Row()
		row.Counter, row.Owner = row.Counter+5, "operator"
		c.table.set(row) // somebody takes it away by hand ...
		<-first.Done()
		c.table.set(lease.Row{ShardID: row.ShardID, Counter: row.Counter + 1, Checkpoint: "50"}) // ... and gives it back
		time.Sleep(5 * time.Second)
		second := one(t, w)
		if first == second {
			t.Fatal("the lease was not acquired again")
		}
		if err := first.Checkpoint(t.Context(), "60", ""); !errors.Is(err, lease.ErrLost) {
			t.Errorf("checkpoint of the earlier lease: %v, want ErrLost", err)
		}
		if got := c.table.get(row.ShardID).Checkpoint; got != "50" {
			t.Errorf("the earlier lease wrote checkpoint %s", got)
		}
		c.finish()
	})
}

// Fails when a renewal writes more than the counter and the timeout.
func TestFailedCheckpointDoesNotGoLiveWithTheNextRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		l := one(t, c.start("a"))
		var failing atomic.Bool
		c.table.disturb(func(context.Context, string, string) error {
			if failing.Load() {
				return errThrottled
			}
			return nil
		}, nil)
		failing.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Checkpoint(ctx, "70", "2026-01-31"); err == nil {
			t.Fatal("checkpoint reported as stored")
		}
		failing.Store(false)
		time.Sleep(20 * time.Second)
		if row := c.table.get(shardID(0)); row.Checkpoint != "" || row.Counter < 3 {
			t.Errorf("row %+v: want renewals and no checkpoint", row)
		}
		c.finish()
	})
}

// A write whose answer is lost after it was applied is recognized as done. Fails when settle gives up on a
// version that moved.
func TestLostAnswersAreSettledByReadingTheRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		var lost atomic.Int32
		c.table.disturb(nil, func(_ context.Context, call, _ string) error {
			if call == "Update" && lost.Add(1)%3 != 0 {
				return errThrottled // applied all the same
			}
			return nil
		})
		w := c.start("a")
		l := one(t, w)
		if err := l.Checkpoint(t.Context(), "80", "2026-01-31"); err != nil {
			t.Errorf("checkpoint: %v", err)
		}
		time.Sleep(time.Minute)
		if row := c.table.get(shardID(0)); row.Checkpoint != "80" || row.Owner != "a" || one(t, w) != l {
			t.Errorf("after a minute of lost answers: %+v", row)
		}
		if lost.Load() < 15 {
			t.Errorf("only %d writes", lost.Load())
		}
		c.finish()
	})
}

// Fails when the trust window is as long as the lease duration, or counted from the end of a write.
func TestOwnerCutOffFromTheTableStopsBeforeAnybodyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		a := c.start("a")
		l := one(t, a)
		time.Sleep(23 * time.Second)
		a.pause()
		c.start("b")
		<-l.Done()
		if owner := c.table.get(shardID(0)).Owner; owner != "a" {
			t.Errorf("lease ended when %q already owned it", owner)
		}
		cut := time.Now()
		for c.table.get(shardID(0)).Owner != "b" {
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("taken %v after its owner had stopped relying on it", time.Since(cut))
		a.resume()
		c.finish()
	})
}

// Fails when Release is allowed to leave the renewal running, or a renewal writes on another counter.
func TestRenewalAfterReleaseCannotTakeTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		w := c.start("a")
		l := one(t, w)
		w.manager.Stop() // takes nothing any more, and the consumer releases
		<-l.Done()
		time.Sleep(time.Minute)
		if row := c.table.get(shardID(0)); row.Owner != "" {
			t.Errorf("released, and a minute later: %+v", row)
		}
		c.finish()
	})
}
