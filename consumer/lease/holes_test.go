package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// inBubble plays a history of a few workers on some shards, balanced at its start.
func inBubble(t *testing.T, shards, workers int, play func(c *cluster, w []*testWorker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, shards)
		var all []*testWorker
		for i := range workers {
			all = append(all, c.start(fmt.Sprint("w", i)))
		}
		c.wantBalanced(10 * time.Second)
		time.Sleep(5 * time.Second)
		play(c, all)
		c.finish()
	})
}

// The row says that a live worker has the lease, and it has not: a release that never arrived, or an acquisition that came late. Seen
// to fail without the question to that worker: the shard was unread for ever.
func TestALeaseThatItsOwnerDoesNotHaveIsAskedFor(t *testing.T) {
	inBubble(t, 4, 2, func(c *cluster, w []*testWorker) {
		for i := range 4 {
			row := c.table.get(shardID(i))
			if row.Owner != w[0].id() {
				continue
			}
			l := w[0].leases.Lease(row.ShardID)
			row.Owner, row.Counter = w[1].id(), row.Counter+1
			c.table.set(row)
			_ = l.Checkpoint(context.Background(), "5", "") // finds out
		}
		t.Logf("read again after %v", c.wantBalanced(3*c.lease.Duration))
	})
}

// A worker leaves, and dies before it has planned. Nobody changes the members after it. Seen to fail when only who does plans.
func TestThePlanOfAWorkerThatDiesIsMadeByOthers(t *testing.T) {
	inBubble(t, 6, 3, func(c *cluster, w []*testWorker) {
		c.table.disturb(func(ctx context.Context, call, key string) error {
			if call == "Update" && key == lease.PlanKey {
				<-ctx.Done()
			}
			return nil
		}, nil)
		w[0].leases.Stop()
		time.Sleep(time.Second)
		c.crash(w[0])
		c.table.disturb(nil, nil)
		t.Logf("read again after %v", c.wantBalanced(2*c.lease.Duration))
	})
}

// A worker and all who watch it die at the same time. Seen to take
// longer when a worker watches three others, dead or alive.
func TestWorkersThatDieTogetherAreFound(t *testing.T) {
	inBubble(t, 24, 12, func(c *cluster, w []*testWorker) {
		for _, dies := range w[1:] {
			c.crash(dies)
		}
		t.Logf("read again after %v", c.wantBalanced(35*time.Second))
	})
}

// Rows that all share, deleted or spoilt by hand: nothing moves. Seen to fail when the next plan is made from nothing.
func TestNothingMovesWhenThePlanOrTheMembersAreLost(t *testing.T) {
	for name, spoil := range map[string]func(c *cluster){
		"members deleted":  func(c *cluster) { c.table.edit(lease.MembersKey, nil) },
		"plan deleted":     func(c *cluster) { c.table.edit(lease.PlanKey, nil) },
		"plan unreadable":  func(c *cluster) { c.spoilPlan("nonsense") },
		"both deleted":     func(c *cluster) { c.table.edit(lease.MembersKey, nil); c.table.edit(lease.PlanKey, nil) },
		"a stranger there": func(c *cluster) { c.addMember("stranger") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 12, 3, func(c *cluster, w []*testWorker) {
				before := c.acquisitions()
				spoil(c)
				time.Sleep(2 * c.lease.Duration)
				moved := c.acquisitions() - before
				if name == "a stranger there" {
					moved -= 6 // it gets a share, and the others get it back
				}
				c.wantBalanced(c.lease.Duration)
				if moved > 0 {
					t.Errorf("%d leases moved", moved)
				}
				before = c.acquisitions()
				late := c.start("late") // the plan is made anew
				c.wantBalanced(c.lease.Duration)
				if moved := c.acquisitions() - before; moved != 3 || len(late.leases.Held()) != 3 {
					t.Errorf("%d leases moved to a worker that has %d now", moved, len(late.leases.Held()))
				}
			})
		})
	}
}

func (c *cluster) spoilPlan(text string) {
	item := c.table.item(lease.PlanKey)
	item["Plan"] = []byte(text)
	item["Version"] = item["Version"].(int64) + 1
	c.table.edit(lease.PlanKey, item)
}

// addMember is a join that arrives after its worker has left.
func (c *cluster) addMember(id string) {
	_, _ = c.table.Update(context.Background(), lease.Write{Key: lease.MembersKey,
		Add: lease.Item{"Ids": []string{id}, "Version": 1 + rand.Int64N(1<<30)}})
}

// One worker can heartbeat, and its reads hang. Seen to fail when it keeps its leases: it follows no plan.
func TestAWorkerThatCannotReadLosesItsLeases(t *testing.T) {
	inBubble(t, 4, 2, func(c *cluster, w []*testWorker) {
		w[0].deaf.Store(true)
		time.Sleep(5 * c.lease.Duration)
		if held := len(w[1].leases.Held()); held != 4 {
			t.Errorf("the other worker has %d of 4 leases", held)
		}
		w[0].deaf.Store(false)
		c.wantBalanced(2 * c.lease.Duration)
	})
}

// One worker cannot list the stream any more, and the plan gives it new shards. Seen to fail when it stays among the members.
func TestAWorkerThatCannotAcquireStepsBack(t *testing.T) {
	inBubble(t, 2, 1, func(c *cluster, w []*testWorker) {
		blind := &shards{list: someShards(2), at: time.Now(), frozen: true}
		b := c.startOn("blind", c.lease.Duration, blind)
		time.Sleep(c.lease.Duration)
		c.shards.set(someShards(8))
		c.shards.Refresh()
		time.Sleep(3*c.lease.Duration + 5*time.Second)
		if held := len(w[0].leases.Held()); held < 7 {
			t.Errorf("the worker that sees the shards has %d of 8, the other %d", held, len(b.leases.Held()))
		}
		blind.mu.Lock()
		blind.list, blind.frozen, blind.at = someShards(8), false, time.Now()
		blind.mu.Unlock()
		c.wantBalanced(5 * c.lease.Duration)
	})
}

// A worker leaves in order: others have its shards at once, and nothing of it stays. Seen to fail when it only releases.
func TestAWorkerThatStopsLeavesNothing(t *testing.T) {
	inBubble(t, 6, 3, func(c *cluster, w []*testWorker) {
		id := w[0].id()
		c.stop(w[0])
		if took := c.wantBalanced(2500 * time.Millisecond); took > 2500*time.Millisecond {
			t.Errorf("%v", took)
		}
		if row := c.table.item(lease.WorkerPrefix + id); row != nil {
			t.Errorf("its row is there: %v", row)
		}
		if ids := c.table.item(lease.MembersKey)["Ids"].([]string); len(ids) != 2 {
			t.Errorf("members %v", ids)
		}
	})
}

// It has nothing to release, and ends before its next look. Seen to fail when only a look takes it out of the members.
func TestAnIdleWorkerThatStopsLeavesTheMembers(t *testing.T) {
	inBubble(t, 2, 3, func(c *cluster, w []*testWorker) {
		for _, w := range w {
			if len(w.leases.Held()) == 0 {
				c.stop(w)
			}
		}
		if ids := c.table.item(lease.MembersKey)["Ids"].([]string); len(ids) != 2 {
			t.Errorf("members %v", ids)
		}
	})
}

// Seen to fail when each worker judges others by its own lease duration.
func TestWorkersOf10And30SecondsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 8)
		w := []*testWorker{c.startWith("slow", 30*time.Second), c.startWith("quick", 10*time.Second)}
		c.wantBalanced(10 * time.Second)
		time.Sleep(100 * time.Second)
		for _, w := range w {
			for _, reason := range []string{"fenced", "unrenewed", "gone"} {
				if lost := labelled(t, w, "callevents_leases_lost_total", reason); lost != 0 {
					t.Errorf("%s: %v leases %s", w.name, lost, reason)
				}
			}
		}
		c.finish()
	})
}

// The report is written with the heartbeat, and one that is too long is not.
func TestTheReportIsInTheWorkersRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		text := "all is well"
		c.lease.Report = func() []byte { return []byte(text) }
		w := c.start("a")
		for length, want := range map[int]bool{11: true, lease.ReportBytes: true, lease.ReportBytes + 1: false} {
			text = strings.Repeat("x", length)
			before := c.table.item(lease.WorkerPrefix + w.id())["Heartbeat"]
			time.Sleep(c.lease.Duration)
			row := c.table.item(lease.WorkerPrefix + w.id())
			if report, _ := row["Report"].([]byte); (len(report) == length) != want || !want && report != nil || row["Heartbeat"] == before {
				t.Errorf("report of %d bytes: %d are there", length, len(report))
			}
			if size := sizeOf(row); size > 1024 {
				t.Errorf("the row has %v bytes", size)
			}
		}
		c.finish()
	})
}
