package kcl

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/wait"
)

// consume is the life of one shard on this worker, from the acquisition of its lease to the release. It is the library's
// first GetRecords call for that shard, and its end is the end of the library's consumer.
//
// The lease renews itself meanwhile. If we die, nobody renews it, it expires, and the shard's next owner runs this
// function from the top: what a crash leaves behind is told at each step. A worker that was paused and wakes up late
// is no different, since the bucket and the lease table refuse its late writes.
func (w *Worker) consume(l *lease.Lease) (err error) {
	c := w.newShardConsumer(l)
	defer func() { w.release(c, c.failure(err, recover())) }()

	// Crash: nothing was done.
	if err := w.open(c); err != nil {
		return err
	}
	for {
		// Crash: what was read and not committed is in the stream. The next owner reads it again.
		page, err := c.source.next(c.reading, c.pipeline.Position())
		if c.reading.Err() != nil { // the lease goes to another worker, or this one stops, or the lease is lost
			return c.pipeline.Drain(c.working)
		}
		if err != nil {
			return err
		}
		// Here batches are committed. A crash leaves a link without its dead letters or its checkpoint at worst; the next
		// owner finds it as the tip of the chain. pipeline/commit.go tells it step by step.
		var tip time.Time
		if page.tip {
			tip = c.source.last().kinesisTime(time.Now())
		}
		if err := c.pipeline.Process(c.working, page.records, tip); err != nil {
			return err
		}
		if page.read {
			c.tracker.Progress()
		}
		if !page.end {
			continue
		}
		// Crash: all links are there, and SHARD_END is not. The next owner comes to the same end.
		if finished, err := c.pipeline.Finish(c.working, page.at); finished || err != nil {
			w.catalog.Refresh() // the children can be read now
			return err
		}
	}
}

// shardConsumer is what consume works with. Only its own goroutine uses it, but for what Shards shows.
type shardConsumer struct {
	lease    *lease.Lease
	source   source
	pipeline *pipeline.Pipeline // once open has made it
	tracker  *stall.Tracker
	log      *logrus.Entry

	working context.Context // for commits: ends when the lease is lost, or was to be drained a grace ago
	reading context.Context // for all that comes before: ends as soon as the lease is to be drained
	close   context.CancelCauseFunc
}

// Why contexts of a shard consumer end.
var (
	errDraining = errors.New("the lease is being drained")
	errGrace    = errors.New("draining took longer than the lease lasts")
	errReleased = errors.New("the shard is not consumed any more")
)

// failurePause is before the lease is released after a failure. It keeps a shard that fails at once from going around in a
// tight circle. A shard that waits for a person stays with its worker for longer.
const failurePause = time.Second

func (w *Worker) newShardConsumer(l *lease.Lease) *shardConsumer {
	log := w.log.WithField("shard_id", l.ShardID())
	c := &shardConsumer{lease: l, log: log, tracker: w.tracker(l.ShardID())}
	c.source = w.newSource(l.ShardID(), c.tracker, log)
	c.working, c.close = context.WithCancelCause(context.Background())
	var drain context.CancelCauseFunc
	c.reading, drain = context.WithCancelCause(c.working)
	go func() {
		select {
		case <-l.Drain():
			drain(errDraining)
		case <-c.working.Done():
			return
		}
		grace := time.NewTimer(w.cfg.Grace)
		defer grace.Stop()
		select {
		case <-l.Done():
			c.close(lease.ErrLost)
		case <-grace.C:
			c.close(errGrace)
		case <-c.working.Done():
		}
	}()
	w.mu.Lock()
	w.consumers[l.ShardID()] = c
	w.mu.Unlock()
	return c
}

// tracker returns a new tracker, or the one of a life that failed here a moment ago: lives that fail again and again
// make no progress either.
func (w *Worker) tracker(shardID string) *stall.Tracker {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.failing[shardID]
	delete(w.failing, shardID)
	if t == nil || time.Since(t.Turned()) > w.cfg.StallAfter {
		return stall.NewTracker(w.cfg.StallAfter)
	}
	return t
}

// open makes the shard's pipeline and finds the tip of its chain. It tries as long as that can help.
func (w *Worker) open(c *shardConsumer) error {
	shard, listed := w.catalog.shard(c.lease.ShardID())
	if !listed {
		return fmt.Errorf("%w: %s", errGone, c.lease.ShardID())
	}
	var err error
	if c.pipeline, err = w.newPipeline(shard, c.lease, c.tracker); err != nil {
		w.fail(err)
		return err
	}
	for failures := 1; ; failures++ {
		c.tracker.Waits(stall.S3)
		at, day, err := c.lease.Position()
		if err == nil {
			err = c.pipeline.Open(c.reading, at, day)
		}
		switch {
		case err == nil:
			c.log.WithField("sequence_number", c.pipeline.Position()).Debug("shard opened")
			return nil
		case errors.Is(err, warehouse.ErrFatal):
			return err
		}
		c.tracker.Failed(err)
		c.log.WithError(err).Warn("shard not opened, trying again")
		if err := wait.For(c.reading, backoff.After(failures)); err != nil {
			return err
		}
	}
}

// failure returns what went wrong in consume, if anything did: a lease that was lost or is to be drained is no failure.
func (c *shardConsumer) failure(err error, panicked any) error {
	switch {
	case panicked != nil:
		c.log.WithFields(logrus.Fields{"panic": panicked, "stack": string(debug.Stack())}).Error("shard stopped by a panic")
		return fmt.Errorf("panic: %v", panicked)
	case errors.Is(err, errDraining), errors.Is(err, lease.ErrLost):
		return nil
	}
	return err
}

// release gives the lease back. What was not committed is lost here and read again by the next owner.
func (w *Worker) release(c *shardConsumer, failure error) {
	defer c.close(errReleased)
	if failure != nil {
		c.tracker.Failed(failure)
		c.log.WithError(failure).Warn("shard left before everything was committed, it is read again from the last link")
		pause := failurePause
		if errors.Is(failure, warehouse.ErrFatal) || errors.Is(failure, errGone) {
			pause = 2 * w.cfg.StallAfter
		}
		if errors.Is(failure, errGone) {
			w.catalog.Refresh() // which fails the worker if the stream is gone
		}
		_ = wait.For(c.reading, pause) // the lease renews itself: nobody else tries meanwhile
		c.tracker.Failed(failure)
	}
	w.mu.Lock()
	delete(w.consumers, c.lease.ShardID())
	if failure != nil {
		w.failing[c.lease.ShardID()] = c.tracker
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := c.lease.Release(ctx); err != nil && !errors.Is(err, lease.ErrRefused) {
		c.log.WithError(err).Warn("lease not released, its row is settled when somebody waits for it")
	}
}
