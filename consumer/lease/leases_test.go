package lease_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The library acquires one lease a look. Seen to fail when we do.
func TestOneWorkerAcquiresEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 64)
		c.start("a")
		t.Logf("64 shards after %v", c.wantBalanced(2*time.Second))
		c.finish()
	})
}

// Seen to fail when workers without a lease are not counted, and when nobody claims.
func TestJoiningWorkersAreBalancedWithinAFewSyncIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		c.wantBalanced(2 * time.Second)
		for _, id := range []string{"b", "c", "d", "e"} { // e stays idle
			c.start(id)
			time.Sleep(10 * time.Millisecond)
			t.Logf("worker %s joined: balanced after %v", id, c.wantBalanced(5*time.Second))
		}
		c.finish()
	})
}

// The remainder: with 11 shards the library calls 5/2/2/2 balanced. Seen to fail when a worker at the rounded-down share
// never claims, and when nobody acquires more than that share.
func TestRemainderIsBalancedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 11)
		c.start("a")
		c.wantBalanced(2 * time.Second)
		for _, id := range []string{"b", "c", "d"} {
			c.start(id)
		}
		t.Logf("three joined: balanced after %v", c.wantBalanced(10*time.Second))
		c.stop(c.workers["b"])
		t.Logf("one stopped: balanced after %v", c.wantBalanced(10*time.Second))
		c.finish()
	})
}

// Seen to fail when one more than the other has is reason enough to move a lease.
func TestNoLeaseMovesOnceBalanced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 10)
		for i := range 4 {
			c.start(fmt.Sprint("w", i))
		}
		c.wantBalanced(10 * time.Second)
		time.Sleep(5 * time.Second)
		before := c.acquisitions()
		time.Sleep(10 * time.Minute)
		if c.acquisitions() != before {
			t.Errorf("%d leases moved while nothing changed", c.acquisitions()-before)
		}
		c.finish()
	})
}

// The crash comes at different times after the last renewal, and that at different times before the other's next look.
// Seen to fail when leases never expire or expire late, and when the table is looked at only once in a lease duration.
func TestCrashedWorkerIsReplacedAfterTheLeaseDuration(t *testing.T) {
	var longest time.Duration
	for instant := range 50 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, 4)
			c.start("a")
			b := c.start("b")
			c.wantBalanced(10 * time.Second)
			time.Sleep(10*time.Second + time.Duration(instant)*200*time.Millisecond)
			c.crash(b)
			longest = max(longest, c.wantBalanced(25*time.Second))
			c.finish()
		})
	}
	t.Logf("all shards held again after at most %v", longest)
	if longest > 12*time.Second+100*time.Millisecond { // the lease duration, and the time between two looks at rest
		t.Error("too late")
	}
}

// Seen to fail when a release leaves the owner in the row.
func TestStoppedWorkerIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		b := c.start("b")
		c.wantBalanced(10 * time.Second)
		time.Sleep(17 * time.Second)
		c.stop(b)
		t.Logf("all shards held again after %v", c.wantBalanced(c.lease.Duration/2))
		c.finish()
	})
}

// One of its shards drains for seconds, the others are free at once. Seen to fail when these count as the share of the
// worker that stops, and when that worker claims others in their place.
func TestShardsOfAStoppingWorkerAreNotLeftToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 12)
		a := c.start("a")
		c.start("b")
		c.start("c")
		c.wantBalanced(10 * time.Second)
		time.Sleep(10 * time.Second)
		slow := a.leases.Held()[0].ShardID()
		c.drain = func(shardID string) time.Duration {
			if shardID == slow {
				return c.lease.Duration
			}
			return 0
		}
		a.leases.Stop()
		time.Sleep(c.lease.Duration * 9 / 10)
		for i := range 12 {
			if row := c.table.get(shardID(i)); row.Owner == "" || (row.Owner == a.id()) != (row.ShardID == slow) {
				t.Errorf("row %+v", row)
			}
		}
		c.stop(a)
		c.wantBalanced(10 * time.Second)
		c.finish()
	})
}
