package lease_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// strike is what meets a worker right after its n-th write of a kind of row: it dies, or the answer is lost.
type strike struct {
	kind string
	n    int
	dies bool
}

const (
	ownRow   = "its own row"
	otherRow = "another worker's row"
	shardRow = "a shard's row"
)

// writes counts what a worker writes, until it is struck.
type writes struct {
	strike
	mu     sync.Mutex
	struck bool
}

// note reports whether the write that makes the worker die, or to which it gets no answer, is this one.
func (w *writes) note(key, self string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := key
	switch {
	case key == lease.WorkerPrefix+self, self == "" && strings.HasPrefix(key, lease.WorkerPrefix):
		kind = ownRow
	case strings.HasPrefix(key, lease.WorkerPrefix):
		kind = otherRow
	case key[0] != '_':
		kind = shardRow
	}
	if w.struck || kind != w.kind {
		return false
	}
	w.n--
	w.struck = w.n == 0
	return w.struck
}

// lifeUntil plays the life of a worker: it joins, shares with one who comes, takes over from one who stops and from one who dies,
// comes to the end of a shard, and stops. It reports whether it came to the strike.
func lifeUntil(t *testing.T, s strike) bool {
	written := &writes{strike: s}
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 7)
		c.watchCheckpoints()
		c.table.latency = 5 * time.Millisecond
		c.wrote = func(w *testWorker, key string) bool {
			now := w.name == "w" && written.note(key, w.id())
			if now && s.dies {
				c.crash(w)
			}
			return !now || s.dies
		}
		a, b := c.start("a"), c.start("b")
		c.wantBalanced(10 * time.Second)
		w := c.start("w")
		time.Sleep(6 * time.Second)
		c.start("d")
		time.Sleep(6 * time.Second)
		c.stop(a)
		time.Sleep(6 * time.Second)
		c.crash(b)
		time.Sleep(2 * c.lease.Duration)
		if held := w.leases.Held(); w.killed.Err() == nil && len(held) > 0 {
			_ = held[0].Checkpoint(w.killed, "5", "")
			_ = held[0].Finish(w.killed, "")
			c.finish1(held[0])
			c.open = func(shard string) bool { return shard != held[0].ShardID() }
		}
		time.Sleep(6 * time.Second)
		w.leases.Stop()
		for w.killed.Err() == nil && len(w.leases.Held()) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		w.cancel()
		w.done.Wait()
		c.drop(w)
		time.Sleep(2*c.lease.Duration + 5*time.Second)
		c.wantBalanced(time.Second)
		c.finish()
	})
	return written.struck
}

// Whatever was the last thing that a worker wrote, the others have its shards within two lease durations and five seconds; and
// whatever it was that it got no answer to, it goes on.
func TestACrashOrNoAnswerAfterEachWrite(t *testing.T) {
	for _, kind := range []string{ownRow, otherRow, shardRow, lease.MembersKey, lease.PlanKey} {
		for _, dies := range []bool{true, false} {
			n := 1
			for ; eventually(20, func() bool { return lifeUntil(t, strike{kind, n, dies}) }); n++ {
			}
			t.Logf("%d writes of %s were struck, dies: %t", n-1, kind, dies)
			if n == 1 {
				t.Errorf("it never writes %s", kind)
			}
		}
	}
}

// eventually does something until it succeeds, so many times at most. Ids are random, so another worker may write what is meant.
func eventually(times int, do func() bool) bool {
	for range times {
		if do() {
			return true
		}
	}
	return false
}
