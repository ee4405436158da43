package lease_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// writes notes what one worker has written, and strikes after the n-th write; 0: never.
type writes struct {
	mu     sync.Mutex
	n      int
	kinds  []string
	struck bool
}

// note reports whether the write is answered.
func (w *writes) note(key, self string, strike func() (answered bool)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := key
	switch {
	case key == lease.WorkerPrefix+self, self == "" && strings.HasPrefix(key, lease.WorkerPrefix):
		kind = "its own row"
	case strings.HasPrefix(key, lease.WorkerPrefix):
		kind = "another worker's row"
	case key[0] != '_':
		kind = "a shard's row"
	}
	w.kinds = append(w.kinds, kind)
	if len(w.kinds) != w.n {
		return true
	}
	w.struck = true
	return strike()
}

// lifeUntil plays the life of a worker: it joins, shares with one who comes, takes over from one who stops and from one who dies,
// comes to the end of a shard, and stops. After its n-th write it dies, or the answer is lost.
func lifeUntil(t *testing.T, n int, dies bool) (seen *writes) {
	seen = &writes{n: n}
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 7)
		c.watchCheckpoints()
		c.table.latency = 5 * time.Millisecond
		a, b := c.start("a"), c.start("b")
		c.wantBalanced(10 * time.Second)
		w := c.start("w")
		w.table.wrote = func(key string) bool {
			return seen.note(key, w.id(), func() bool {
				if dies {
					c.crash(w)
				}
				return dies
			})
		}
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
	return seen
}

// Whatever was the last thing that a worker wrote, the others have its shards within two lease durations and five seconds; and
// whatever it was that it got no answer to, it goes on.
func TestACrashOrNoAnswerAfterEachWrite(t *testing.T) {
	all := lifeUntil(t, 0, false)
	kinds := map[string]int{}
	for _, kind := range all.kinds {
		kinds[kind]++
	}
	t.Logf("%d writes: %v", len(all.kinds), kinds)
	for _, kind := range []string{"its own row", "another worker's row", "a shard's row", lease.MembersKey, lease.PlanKey} {
		if kinds[kind] == 0 {
			t.Errorf("it never writes %s", kind)
		}
	}
	for _, dies := range []bool{true, false} {
		struck := 0
		for n := range all.kinds {
			if lifeUntil(t, n+1, dies).struck {
				struck++
			}
		}
		if struck < len(all.kinds)*3/4 {
			t.Errorf("only %d of %d writes were met (dies: %t)", struck, len(all.kinds), dies)
		}
	}
}
