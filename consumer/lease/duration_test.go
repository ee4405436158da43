package lease_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// A change of the lease duration may be rolled out one instance at a time. Seen to fail when each worker judges all rows
// by its own duration: leases moved for ever, and were trusted by two workers at a time.
func TestWorkersWithDifferentLeaseDurationsLiveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.finish()
		c.startWith("slow", time.Minute)
		for _, id := range []string{"quick-1", "quick-2", "quick-3", "quick-4"} { // one without a lease: its row counts, too
			c.startWith(id, 5*time.Second)
		}
		c.wantBalanced(3 * time.Minute)
		before := c.acquisitions()
		time.Sleep(10 * time.Minute)
		if moved := c.acquisitions() - before; moved != 0 {
			t.Errorf("%d leases moved among workers that all live", moved)
		}
	})
}

// Each worker is replaced after its own duration. Seen to fail with one duration for all rows.
func TestAWorkerIsReplacedAfterItsOwnLeaseDuration(t *testing.T) {
	for name, c := range map[string]struct{ crashed, other time.Duration }{
		"slow crashes":  {time.Minute, 5 * time.Second},
		"quick crashes": {5 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := newCluster(t, 4)
				defer cluster.finish()
				w := cluster.startWith("crashes", c.crashed)
				cluster.startWith("other", c.other)
				cluster.wantBalanced(3 * time.Minute)
				time.Sleep(3 * time.Minute)
				cluster.crash(w)
				took := cluster.wantBalanced(3 * time.Minute)
				if least, most := c.crashed/2, c.crashed+max(2*time.Second, c.other/5)+time.Second; took < least || took > most {
					t.Errorf("replaced after %v, want %v to %v", took, least, most)
				}
			})
		})
	}
}
