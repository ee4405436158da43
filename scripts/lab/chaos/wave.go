package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"example.com/callevents/shared/wait"
)

// waves injects faults for as long as was asked for, and until every kind came.
func (c *chaos) waves(ctx context.Context) error {
	list, err := c.cfg.kinds()
	if err != nil {
		return err
	}
	plan := newPlan(c.cfg.Seed, list, c.cfg.duration())
	end := time.Now().Add(c.cfg.duration())
	for ctx.Err() == nil && (time.Now().Before(end) || !plan.complete()) {
		c.tableLost.Store(false)
		c.silenced.Store(false)
		c.wave(ctx, plan.next())
		if err := c.fleet.scale(usualConsumers); err != nil {
			return err
		}
		c.awaitRecovery(context.WithoutCancel(ctx))
	}
	return nil
}

// wave injects the faults of a wave and returns when all of them are over.
func (c *chaos) wave(ctx context.Context, wave []planned) {
	var running sync.WaitGroup
	for _, p := range wave {
		running.Go(func() {
			f := &fault{chaos: c, kind: p.kind, rng: p.rng, overlapping: len(wave) > 1}
			pause(ctx, p.delay)
			f.inject(ctx)
		})
	}
	running.Wait()
}

// awaitRecovery waits until every shard makes progress again. A shard that makes none for longer than the patience is
// wrong. That many shards together take longer is not.
func (c *chaos) awaitRecovery(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	stalls := stallReport{chaos: c, since: time.Now()}
	for c.watch.recovering() {
		if wait.For(ctx, 100*time.Millisecond) != nil {
			for _, kind := range c.watch.giveUp() {
				c.fail("no recovery from %s within %v", kind, recoveryTimeout)
			}
			return
		}
		stalls.look()
	}
}

// drain waits until everything that was put is warehoused. It begins with a second in which the watch reads the last
// lines of the ledger.
func (c *chaos) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	stalls := stallReport{chaos: c, since: time.Now()}
	pause(ctx, time.Second)
	for c.watch.behind() > 0 && wait.For(ctx, 200*time.Millisecond) == nil {
		stalls.look()
	}
	if n := c.watch.behind(); n > 0 {
		c.fail("not everything was warehoused within %v: %d shards are behind", drainTimeout, n)
	}
}

// stallReport reports the first stall of a time without faults.
type stallReport struct {
	*chaos
	since    time.Time
	reported bool
}

func (r *stallReport) look() {
	patience := r.patience()
	if stalled := r.watch.stalled(r.since, patience); len(stalled) > 0 && !r.reported {
		r.reported = true
		r.fail("stall: no progress for %v on %s", patience, strings.Join(stalled, ", "))
	}
}

// patience is how long a shard may make no progress. Where the lease table was deleted, every shard that the stream
// still lists is acquired again, parents before children. A generation takes a sync interval and some reads. Where
// subscriptions went silent, that has to be noticed first.
func (c *chaos) patience() time.Duration {
	patience := c.cfg.Patience
	if c.tableLost.Load() {
		patience += time.Duration(c.watch.generations()) * generationTime
	}
	if c.silenced.Load() {
		patience += silenceNoticed
	}
	return patience
}
