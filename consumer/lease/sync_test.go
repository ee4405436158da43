package lease_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
)

// The table answers reads, and one kind of write hangs. There are many such writes to make, and the worker looks at the
// table all the same. Seen to fail, for each kind, when the others of that kind are still tried in the same look, and when a
// worker that cannot remove its own row does not look.
func TestWritesThatHangDoNotKeepAWorkerFromLooking(t *testing.T) {
	for hanging, prepare := range map[string]func(c *cluster){
		"Claim": func(*cluster) {}, // b claims 10
		"Delete": func(c *cluster) {
			for i := range 10 {
				c.table.set(lease.Row{ShardID: fmt.Sprint("gone-", i), Counter: 5, Checkpoint: lease.ShardEnd})
			}
		},
	} {
		t.Run(hanging, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 20)
				prepare(c)
				c.table.disturb(func(ctx context.Context, call, _ string) error {
					if call == hanging {
						<-ctx.Done()
					}
					return nil
				}, nil)
				a := c.start("a")
				c.wantBalanced(5 * time.Second)
				b := c.start("b")
				longest := time.Duration(0)
				for range 60 {
					time.Sleep(time.Second)
					longest = max(longest, time.Since(a.manager.Synced()), time.Since(b.manager.Synced()))
				}
				if longest > c.lease.Duration {
					t.Errorf("%v between two looks", longest)
				}
				c.table.disturb(nil, nil)
				c.finish()
			})
		})
	}
}

// Others have claimed the lease and are gone. Seen to fail when every renewal of it is followed by a look at the table.
func TestClaimsOfWorkersThatAreGoneCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		c.start("a")
		c.wantBalanced(5 * time.Second)
		for i := range 4 {
			if err := c.table.Claim(t.Context(), c.table.get(shardID(i)), "gone"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		c.table.mu.Lock()
		before := c.table.requests["Rows"]
		c.table.mu.Unlock()
		time.Sleep(time.Minute)
		c.table.mu.Lock()
		looks := c.table.requests["Rows"] - before
		c.table.mu.Unlock()
		if most := int(time.Minute/(c.lease.Duration/5)) + 1; looks > most {
			t.Errorf("%d looks in a minute at rest, want %d", looks, most)
		}
		c.finish()
	})
}

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
				time.Sleep(2 * time.Minute)
				if lost := counter(t, w, "callevents_shards_lost_total"); lost != 1 {
					t.Errorf("%v shards reported as lost to retention, want 1", lost)
				}
				c.table.disturb(nil, nil)
				c.finish()
			})
		})
	}
}
