package kcl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/wait"
)

// watchEvery is how often the worker looks at itself, and tellEvery how often it repeats what a person must act on.
const (
	watchEvery = 5 * time.Second
	tellEvery  = time.Minute
)

// All is the shard of a standstill that is not of one shard: nothing can be acquired.
const All = "*"

// Blocked is a shard that stands still.
type Blocked struct {
	Shard string // * for all that the worker could read
	stall.Blocked
}

// Error says what stands, why, since when, and what to do.
func (b Blocked) Error() string {
	text := fmt.Sprintf("shard %s stands still for %v: %s", b.Shard, time.Since(b.Since).Round(time.Second), b.Reason)
	if b.Err != nil {
		text += fmt.Sprintf(": %v", b.Err)
	}
	return text + ": " + b.Reason.Advice()
}

// Blocked returns the shards that stand still, by name: those that the worker reads, those whose parents are among
// them, and all if the lease table or the list of shards cannot be read.
func (w *Worker) Blocked() (blocked []Blocked) {
	w.mu.Lock()
	stands := map[string]stall.Blocked{}
	for id, c := range w.consumers {
		if b, ok := c.tracker.Blocked(); ok {
			stands[id] = b
		}
	}
	w.mu.Unlock()
	for _, child := range w.catalog.children(stands) {
		b := stands[child.parent]
		b.Reason = stall.ParentUnreadable
		stands[child.id] = b
	}
	for _, tracker := range []*stall.Tracker{w.table, w.catalog.tracker} {
		if b, ok := tracker.Blocked(); ok {
			stands[All] = b
		}
	}
	for id, b := range stands {
		blocked = append(blocked, Blocked{id, b})
	}
	slices.SortFunc(blocked, func(a, b Blocked) int { return cmp.Compare(a.Shard, b.Shard) })
	return blocked
}

// watch tells of standstills, as soon as there is one and once a minute. It returns an error when every shard that the
// worker holds waits for a person: then nothing is lost by a restart, and a supervisor sees it.
func (w *Worker) watch(ctx context.Context) error {
	type standstill struct {
		shard  string
		reason stall.Reason
	}
	told := map[standstill]time.Time{}
	for {
		blocked := w.Blocked()
		for _, b := range blocked {
			if time.Since(told[standstill{b.Shard, b.Reason}]) < tellEvery {
				continue
			}
			told[standstill{b.Shard, b.Reason}] = time.Now()
			log := w.log.WithFields(logrus.Fields{"shard_id": b.Shard, "reason": b.Reason, "since": b.Since.UTC().Format(time.RFC3339)})
			if b.Err != nil {
				log = log.WithError(b.Err)
			}
			log.Error("shard stands still: " + b.Reason.Advice())
		}
		if err := w.hopeless(blocked); err != nil {
			return err
		}
		if wait.For(ctx, watchEvery) != nil {
			return nil
		}
	}
}

// hopeless returns an error if all shards that the worker holds wait for a person, for longer than it takes to acquire
// others.
func (w *Worker) hopeless(blocked []Blocked) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, b := range blocked {
		if w.consumers[b.Shard] != nil && stall.Permanent(b.Err) && time.Since(b.Since) > w.cfg.Lease.Duration+watchEvery {
			errs = append(errs, b)
		}
	}
	if len(errs) == 0 || len(errs) < len(w.consumers) {
		return nil
	}
	return errors.Join(errs...)
}

// Standing returns an error if a loop of this process has stopped. What AWS does or does not do counts for nothing: every
// call has a deadline, so a loop that is well turns.
func (w *Worker) Standing() error {
	loops := map[string]time.Time{"lease table": w.table.Turned(), "list of shards": w.catalog.tracker.Turned()}
	w.mu.Lock()
	for id, c := range w.consumers {
		loops["shard "+id] = c.tracker.Turned()
	}
	w.mu.Unlock()
	var errs []error
	for loop, turned := range loops {
		if since := time.Since(turned); since > standing {
			errs = append(errs, fmt.Errorf("the loop of the %s has not turned for %v", loop, since.Round(time.Second)))
		}
	}
	return errors.Join(errs...)
}

// standing is longer than any call may take: an object of 64 MiB on a slow line takes the longest.
const standing = 10 * time.Minute

// trackedTable notes what comes of reading the lease table, which is done in every turn.
type trackedTable struct {
	lease.Table
	tracker *stall.Tracker
}

func (t trackedTable) Get(ctx context.Context, consistent bool, keys ...string) (map[string]lease.Item, error) {
	t.tracker.Waits(stall.DynamoDB)
	items, err := t.Table.Get(ctx, consistent, keys...)
	if err != nil {
		t.tracker.Failed(err)
		return nil, err
	}
	t.tracker.Progress()
	return items, nil
}

// child is a shard that waits for its parent.
type child struct{ id, parent string }

// children returns the listed shards that wait for one of those parents.
func (c *catalog) children(parents map[string]stall.Blocked) (children []child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.leases {
		for _, parent := range s.Parents {
			if _, ok := parents[parent]; ok {
				children = append(children, child{s.ID, parent})
			}
		}
	}
	return children
}
