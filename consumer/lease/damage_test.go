package lease_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
)

// A worker's row is deleted by hand. Its leases may be read twice until its next heartbeat, and then it goes on under another id.
// Seen to fail when its leases stay with the id that is gone.
func TestAWorkerWhoseRowIsGoneGoesOnUnderAnotherId(t *testing.T) {
	inBubble(t, 6, 3, func(c *cluster, w []*testWorker) {
		former := w[0].id()
		c.table.edit(lease.WorkerPrefix+former, nil)
		time.Sleep(c.lease.Duration/2 + time.Second)
		if id := w[0].id(); id == former || id == "" {
			t.Errorf("id %q, was %q", id, former)
		}
		c.wantBalanced(2 * c.lease.Duration)
	})
}

// The table is replaced by a copy from a few minutes ago, from before all workers of now or with former states of theirs.
func TestTableThatIsRestoredFromACopy(t *testing.T) {
	inBubble(t, 12, 3, func(c *cluster, w []*testWorker) {
		old := c.table.copy()
		time.Sleep(time.Minute)
		c.stop(w[0])
		for i := range 2 {
			c.start(fmt.Sprint("later", i))
		}
		c.wantBalanced(10 * time.Second)
		c.excuse(c.lease.Duration)
		c.table.replace(old)
		t.Logf("balanced again after %v", c.wantBalanced(3*c.lease.Duration))
		time.Sleep(time.Minute)
		before := c.acquisitions()
		time.Sleep(time.Minute)
		if c.acquisitions() != before || !c.balanced() {
			t.Errorf("%d leases moved when all was over", c.acquisitions()-before)
		}
	})
}

// Reads may show a state that is older than a lease duration, and leave rows out: a worker seems to have no row yet. Seen to fail when
// such a read counts.
func TestStaleReadsMoveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 12)
		c.mu.Lock()
		c.lease.Duration, c.lease.SyncInterval = 2*time.Second, 200*time.Millisecond
		c.mu.Unlock()
		c.table.latency, c.table.stale, c.table.busy = 10*time.Millisecond, 6*time.Second, 0.2
		for i := range 4 {
			c.start(fmt.Sprint("w", i))
		}
		time.Sleep(30 * time.Second)
		c.wantBalanced(time.Minute)
		before, joins := c.acquisitions(), c.table.item(lease.MembersKey)["Version"]
		time.Sleep(5 * time.Minute)
		if c.acquisitions() != before || c.table.item(lease.MembersKey)["Version"] != joins {
			t.Errorf("%d leases moved, members changed: %v", c.acquisitions()-before, c.table.item(lease.MembersKey)["Version"] != joins)
		}
		c.table.calm()
		c.finish()
	})
}

// Somebody else has deleted the table, and made it again. Seen to fail when a worker joins there without looking for its own row:
// it acquired leases, and lost all of them at its next heartbeat. That takes a heartbeat at the right moment, one time in thirty.
func TestATableThatWasMadeAgainIsJoinedUnderAnotherId(t *testing.T) {
	times := 10
	if testenv.Long() {
		times = 200
	}
	for range times {
		inBubble(t, 4, 2, tableMadeAgain)
	}
}

func tableMadeAgain(c *cluster, w []*testWorker) {
	t := c.t
	c.excuse(c.lease.Duration)
	c.table.replace(map[string]lease.Item{})
	time.Sleep(c.lease.Duration)
	c.wantBalanced(5 * time.Second)
	lost := 0.0
	for _, w := range w {
		lost += counter(t, w, "callevents_leases_lost_total") - labelled(t, w, "callevents_leases_lost_total", "released")
	}
	if lost != 4 {
		t.Errorf("%v leases lost, want each of 4 once", lost)
	}
}

// Whoever fences a worker may be wrong about it, or have a clock that runs fast. Seen to fail when a heartbeat succeeds after the fence.
func TestAWorkerThatIsFencedStops(t *testing.T) {
	inBubble(t, 4, 2, func(c *cluster, w []*testWorker) {
		id := w[0].id()
		leases := w[0].leases.Held()
		c.excuse(c.lease.Duration / 2)
		if _, err := c.table.Update(context.Background(), lease.Write{Key: lease.WorkerPrefix + id, Set: lease.Item{"Fenced": int64(1)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(c.lease.Duration/2 + time.Second)
		for _, l := range leases {
			if !l.Deadline().IsZero() {
				t.Errorf("%s is trusted until %v", l.ShardID(), l.Deadline())
			}
		}
		c.wantBalanced(5 * time.Second)
		if w[0].id() == id {
			t.Error("it goes on under the id that is fenced")
		}
	})
}

// The row of a finished parent is deleted, by hand or with the table. Its worker knows that it was finished, and others do not. Found by
// chaos, seed 4711; seen to fail when that worker never reads the row again: nobody read the parent, and so nobody the child. Found again, seed 601: it
// did so each 12 lease durations only. And when the row was rewound: nobody asked. And when two children waited: the question
// named the parent twice, which DynamoDB refuses.
func TestAParentWhoseRowIsGoneIsReadAgain(t *testing.T) {
	for name, gone := range map[string]lease.Item{
		"deleted": nil, "rewound": lease.Row{ShardID: shardID(0), Counter: 1 << 50, Checkpoint: "5"}.Item(),
	} {
		t.Run(name, func(t *testing.T) { readAgain(t, gone) })
	}
}

func readAgain(t *testing.T, gone lease.Item) {
	inBubble(t, 2, 2, func(c *cluster, w []*testWorker) {
		finish := func() bool {
			for _, w := range w {
				if l := w.leases.Lease(shardID(0)); l != nil {
					_ = l.Finish(context.Background(), "")
					c.finish1(l)
					return true
				}
			}
			return false
		}
		finish()
		time.Sleep(5 * time.Second)
		c.table.edit(shardID(0), gone)
		listed := []lease.Shard{{ID: shardID(0)}, {ID: shardID(1)}}
		for i := 2; i < 8; i++ { // more than Kinesis makes, so that the worker that is not the parent's reader has two
			listed = append(listed, lease.Shard{ID: shardID(i), Parents: []string{shardID(0)}})
		}
		c.shards.set(listed)
		c.open = func(shard string) bool { return shard != shardID(0) }
		for range 3 * c.lease.Duration / time.Second {
			time.Sleep(time.Second)
			finish()
		}
		c.wantBalanced(time.Second)
	})
}
