package lease_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneWorkerTakesEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 64)
		c.start("a")
		t.Logf("64 shards after %v", c.settle(2*time.Second))
		c.finish()
	})
}

func TestJoiningWorkersAreBalancedWithinAFewSyncIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		c.settle(2 * time.Second)
		for _, id := range []string{"b", "c", "d", "e"} { // e stays idle
			c.start(id)
			time.Sleep(10 * time.Millisecond)
			t.Logf("worker %s joined: balanced after %v", id, c.settle(5*time.Second))
		}
		c.finish()
	})
}

func TestNoLeaseMovesOnceBalanced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 10)
		for i := range 4 {
			c.start(fmt.Sprint("w", i))
		}
		c.settle(10 * time.Second)
		time.Sleep(5 * time.Second)
		before := c.acquisitions()
		time.Sleep(10 * time.Minute)
		if c.acquisitions() != before {
			t.Errorf("%d leases moved while nothing changed", c.acquisitions()-before)
		}
		c.finish()
	})
}

func TestCrashedWorkerIsReplacedAfterTheLeaseDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		b := c.start("b")
		c.settle(10 * time.Second)
		time.Sleep(17 * time.Second)
		c.crash(b)
		if took := c.settle(20 * time.Second); took > c.lease.Duration+c.lease.Duration/5+2*c.lease.SyncInterval {
			t.Errorf("took %v", took)
		} else {
			t.Logf("all shards held again after %v", took)
		}
		c.finish()
	})
}

func TestStoppedWorkerIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		b := c.start("b")
		c.settle(10 * time.Second)
		time.Sleep(17 * time.Second)
		c.stop(b)
		t.Logf("all shards held again after %v", c.settle(c.lease.Duration/2))
		c.finish()
	})
}
