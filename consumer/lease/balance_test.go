package lease_test

import "time"

// loads returns how many live leases each running worker has, and how many shards nobody has.
func (c *cluster) loads() (loads map[string]int, free int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads = map[string]int{}
	owned, open := 0, 0
	for _, s := range c.shards.list {
		if c.open == nil || c.open(s.ID) {
			open++
		}
	}
	for id, w := range c.workers {
		loads[id] = 0
		for _, l := range w.leases.Held() {
			if time.Now().Before(l.Deadline()) && (c.open == nil || c.open(l.ShardID())) {
				loads[id]++
				owned++
			}
		}
	}
	return loads, open - owned
}

func (c *cluster) balanced() bool {
	loads, free := c.loads()
	if free != 0 {
		return false
	}
	least, most := 1<<30, 0
	for _, n := range loads {
		least, most = min(least, n), max(most, n)
	}
	return most-least <= 1
}

// untilBalanced waits until the leases are balanced, and returns how long that took.
func (c *cluster) untilBalanced(bound time.Duration) (took time.Duration, balanced bool) {
	started := time.Now()
	for !c.balanced() {
		if time.Since(started) > bound {
			return bound, false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(started), true
}

// wantBalanced is untilBalanced for tests that fail without it. Afterwards every lease that is held is counted, too.
func (c *cluster) wantBalanced(bound time.Duration) time.Duration {
	c.t.Helper()
	took, balanced := c.untilBalanced(bound)
	if !balanced {
		loads, free := c.loads()
		c.t.Fatalf("not balanced after %v: %d free, %v", bound, free, loads)
	}
	time.Sleep(time.Millisecond)
	return took
}
