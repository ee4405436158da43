package lease_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// Seen to fail when only a deletion that is answered counts, and when every try counts.
func TestLossToRetentionIsReportedOnceEvenIfTheDeletionFails(t *testing.T) {
	fails := func(err error) hook {
		return func(_ context.Context, call, _ string) error {
			if call == "Delete" {
				return err
			}
			return nil
		}
	}
	for name, hooks := range map[string]struct{ before, after hook }{
		"deleted, answer lost":             {after: fails(errThrottled)},
		"deleted, sent again, and refused": {after: fails(lease.ErrRefused)},
		"cannot be deleted":                {before: fails(errThrottled)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1)
				c.table.set(lease.Row{ShardID: "unfinished", Counter: 5, Checkpoint: "17"})
				c.table.disturb(hooks.before, hooks.after)
				w := c.start("a")
				time.Sleep(10 * time.Minute)
				if lost := counter(t, w, "callevents_shards_lost_total"); lost != 1 {
					t.Errorf("%v shards reported as lost to retention, want 1", lost)
				}
				c.table.disturb(nil, nil)
				c.finish()
			})
		})
	}
}

// Deletions hang, of many rows, and the worker looks at the table all the same. Seen to fail when the others are tried in the
// same look.
func TestDeletionsThatHangDoNotKeepAWorkerFromLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 20)
		for i := range 10 {
			c.table.set(lease.Row{ShardID: fmt.Sprint("gone-", i), Counter: 5, Checkpoint: lease.ShardEnd})
		}
		c.table.disturb(func(ctx context.Context, call, _ string) error {
			if call == "Delete" {
				<-ctx.Done()
			}
			return nil
		}, nil)
		a := c.start("a")
		c.wantBalanced(5 * time.Second)
		longest := time.Duration(0)
		for range 300 {
			time.Sleep(time.Second)
			longest = max(longest, time.Since(a.leases.Synced()))
		}
		if longest > c.lease.Duration {
			t.Errorf("%v between two looks", longest)
		}
		c.table.disturb(nil, nil)
		c.finish()
	})
}
