package lease_test

import (
	"fmt"
	"slices"
	"time"

	"example.com/callevents/consumer/lease"
)

// watch checks the trust windows of all leases again and again, from the start of a cluster to its end: a lease that
// is trusted while another worker has it would go unseen by a look at acquisitions only.
func (c *cluster) watch() {
	every := c.lease.Duration / 100
	c.watching.Go(func() {
		for {
			select {
			case <-c.unwatch:
				return
			case <-time.After(every):
				c.checkTrust()
			}
		}
	})
}

func (c *cluster) checkTrust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.excused) {
		return
	}
	for shard, leases := range c.holding {
		if c.edited[shard] {
			continue
		}
		if len(leases) < 2 && len(c.holding) > 500 {
			continue // simulations of many shards look at those with two consumers only
		}
		var trusted []*lease.Lease
		for _, l := range leases {
			if c.trusts(l) {
				trusted = append(trusted, l)
			}
		}
		if len(trusted) > 1 && c.trusts(trusted[0]) { // asked again: it may have been released meanwhile
			c.report(fmt.Sprintf("%s: two leases inside their trust windows: %s %+v, %s %+v",
				shard, trusted[0].Owner(), trusted[0].Row(), trusted[1].Owner(), trusted[1].Row()))
		}
	}
}

// trusts reports whether the lease is inside its trust window. No window may reach further than counted from the last
// heartbeat that was applied, since that is when other workers begin to count.
func (c *cluster) trusts(l *lease.Lease) bool {
	deadline, duration := l.Deadline(), c.lease.Duration
	if own, err := time.ParseDuration(l.Row().Duration); err == nil {
		duration = own
	}
	if latest := c.table.beat(l.Owner()).Add(duration * 8 / 10); deadline.After(latest) {
		c.report(fmt.Sprintf("%s: trusted until %v, %v too long", l.ShardID(), deadline, deadline.Sub(latest)))
	}
	return time.Now().Before(deadline)
}

// excuse does not hold two trusted leases against the workers until their next heartbeats: somebody else has changed the table.
func (c *cluster) excuse(long time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.excused = time.Now().Add(long)
}

// edit notes that somebody has changed a row by hand: its owner may trust its lease until its next write of that row.
func (c *cluster) edit(shard string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edited[shard] = true
}

// fault records a broken invariant.
func (c *cluster) fault(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report(what)
}

// report records it once; the caller holds the lock.
func (c *cluster) report(what string) {
	if !slices.Contains(c.faults, what) {
		c.faults = append(c.faults, what)
	}
}

// watchCheckpoints reports a checkpoint that goes back. Sequence numbers in these tests have one length.
func (c *cluster) watchCheckpoints() {
	c.table.watch(func(i, j lease.Item) {
		before, now := lease.DecodeRow("", i), lease.DecodeRow("", j)
		if before.Finished() && !now.Finished() || !now.Finished() && now.Checkpoint < before.Checkpoint {
			c.fault(fmt.Sprintf("%v: checkpoint %s after %s", j["ShardID"], now.Checkpoint, before.Checkpoint))
		}
	})
}
