package lease_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/sequence"
)

// one returns the only lease that the worker holds, once it does.
func one(t *testing.T, w *testWorker) *lease.Lease {
	t.Helper()
	for range 6000 {
		if held := w.leases.Held(); len(held) == 1 {
			return held[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no lease after a minute")
	return nil
}

// Seen to fail when isAhead compares text, and when Checkpoint does not compare with what is stored.
func TestCheckpointNeverGoesBackAndComparesAsANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		l := one(t, c.start("a"))
		for _, step := range []struct{ write, want string }{
			{"9", "9"}, {"10", "10"}, {"9", "10"}, {"10", "10"}, {"200", "200"}, {lease.ShardEnd, lease.ShardEnd}, {"300", lease.ShardEnd},
		} {
			if err := store(t.Context(), l, step.write); err != nil {
				t.Fatal(err)
			}
			if got := c.table.get(shardID(0)).Checkpoint; got != step.want {
				t.Errorf("after checkpoint %s the row has %s, want %s", step.write, got, step.want)
			}
		}
		c.finish()
	})
}

// store stores a sequence number or SHARD_END.
func store(ctx context.Context, l *lease.Lease, checkpoint string) error {
	if checkpoint == lease.ShardEnd {
		return l.Finish(ctx, "2026-01-31")
	}
	return l.Checkpoint(ctx, sequence.Number(checkpoint), "2026-01-31")
}

// Both leases belong to worker a. Seen to fail when a lease that is done writes all the same: it finds its own name in
// the row, and goes on from there.
func TestLateCheckpointOfAnEarlierLeaseOfTheSameWorkerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		w := c.start("a")
		first := one(t, w)
		row := first.Row()
		row.Counter, row.Owner = row.Counter+5, "operator"
		c.table.set(row) // an operator takes it away by hand ...
		if err := first.Checkpoint(t.Context(), "40", ""); !errors.Is(err, lease.ErrLost) {
			t.Errorf("checkpoint: %v, want ErrLost", err)
		}
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

// Seen to fail when Checkpoint keeps what it could not write, and another write of the row writes it.
func TestFailedCheckpointDoesNotGoLiveWithTheNextWrite(t *testing.T) {
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
		before := c.table.get(shardID(0)).Counter
		time.Sleep(time.Hour)
		if row := c.table.get(shardID(0)); row.Checkpoint != "" || row.Counter == before {
			t.Errorf("row %+v, had counter %d: want writes and no checkpoint", row, before)
		}
		c.finish()
	})
}

// The answers to the owner's heartbeats take nearly as long as they may, and the other worker looks at the table at
// different times after the last one. Seen to fail when the trust window is counted from the answer, when it is longer
// than others wait, when leases are not lost at its end, and when a heartbeat that hangs may outlast it.
func TestOwnerCutOffFromTheTableStopsBeforeAnybodyTakesOver(t *testing.T) {
	for look := range 10 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, 1)
			a := c.start("a")
			l := one(t, a)
			id := a.id()
			c.table.disturb(nil, func(_ context.Context, call, key string) error {
				if call == "Update" && key == lease.WorkerPrefix+id {
					time.Sleep(c.lease.Duration/4 - 100*time.Millisecond)
				}
				return nil
			})
			time.Sleep(time.Duration(look) * 200 * time.Millisecond)
			b := c.start("b")
			time.Sleep(23 * time.Second)
			if c.table.get(shardID(0)).Owner != id {
				t.Fatal("moved")
			}
			a.pause()
			if late := outlast(l); late > 0 {
				t.Errorf("lease ended %v after its trust window", late)
			}
			if owner := c.table.get(shardID(0)).Owner; owner != id {
				t.Errorf("lease ended when %q already owned it", owner)
			}
			cut := time.Now()
			for c.table.get(shardID(0)).Owner != b.id() {
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("acquired %v after its owner had stopped relying on it", time.Since(cut))
			a.resume()
			c.finish()
		})
	}
}

// outlast waits until a lease is done, and returns by how much it outlasted its trust window.
func outlast(l *lease.Lease) time.Duration {
	deadline := l.Deadline()
	for {
		time.Sleep(time.Until(deadline))
		next := l.Deadline()
		if next.IsZero() || next.Equal(deadline) { // it was not renewed
			<-l.Done()
			return time.Since(deadline)
		}
		deadline = next
	}
}

// The stock library's renewal reads the row first and writes the owner. Seen to fail when ours does so after the release.
func TestRenewalAfterReleaseCannotTakeTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		w := c.start("a")
		l := one(t, w)
		w.leases.Stop() // acquires nothing any more, and the consumer releases
		<-l.Done()
		time.Sleep(time.Minute)
		if row := c.table.get(shardID(0)); row.Owner != "" {
			t.Errorf("released, and a minute later: %+v", row)
		}
		c.finish()
	})
}
