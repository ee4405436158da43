package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// ErrLost means that the lease is not ours any more, or may not be. What the shard has buffered must be discarded; its
// new owner reads it again.
var ErrLost = errors.New("lease lost")

// Lease is a lease that this process acquired. It is done when it is released or lost. A shard that is acquired again
// gets another Lease, so an old one can do nothing to it. All methods are safe for concurrent use.
type Lease struct {
	leases  *Leases
	life    *life // under which it was acquired: the lease is trusted as long as that
	log     *logrus.Entry
	shardID string
	since   time.Time // of the acquisition

	writing chan struct{} // capacity 1, full across a write: the lock of [Lease.write]

	mu        sync.Mutex // guards what follows
	row       Row        // as last written or read; changes only during a write
	wrote     time.Time
	releasing bool
	next      string // who gets the lease, as far as known
	drain     chan struct{}
	done      chan struct{}
}

func newLease(s *Leases, life *life, row Row) *Lease {
	now := time.Now()
	return &Lease{
		leases: s, life: life, shardID: row.ShardID, row: row, since: now, wrote: now,
		log: s.log.WithField("shard_id", row.ShardID), writing: make(chan struct{}, 1),
		drain: make(chan struct{}), done: make(chan struct{}),
	}
}

// ShardID names the shard.
func (l *Lease) ShardID() string { return l.shardID }

// Row returns the row as of the last write: counter, checkpoint.
func (l *Lease) Row() Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row
}

func (l *Lease) written() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrote
}

// Deadline ends the trust window: eight tenths of the lease duration, counted from the start of the worker's last heartbeat
// that succeeded. Until then no other worker can have acquired the lease. The zero time once the lease is done or is being
// released.
func (l *Lease) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.releasing || l.isDone() {
		return time.Time{}
	}
	return l.life.Deadline()
}

// Drain is closed when the owner should drain the shard and release the lease: the plan gives it to another worker, the
// process stops, or the lease is gone.
func (l *Lease) Drain() <-chan struct{} { return l.drain }

// Done is closed when the lease is released or lost.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Release gives the lease back. It is then free at once. If the write stays unknown, whoever waits for the lease has this worker
// look into the table. The lease is done afterwards in any case. Whoever acquired it calls Release exactly once, when nothing
// reads or writes the shard any more.
func (l *Lease) Release(ctx context.Context) error {
	defer l.leases.drop(l)
	l.mu.Lock()
	l.releasing = true // the next owner may be at work before we have the answer
	l.mu.Unlock()
	if err := l.lock(ctx); err != nil {
		l.leases.leftUnsettled()
		l.setDone(lostReleased)
		return err
	}
	defer l.unlock()
	if l.isDone() {
		return nil
	}
	reason, err := l.giveBack(ctx)
	if err != nil && !errors.Is(err, ErrRefused) {
		l.leases.leftUnsettled()
	}
	l.setDone(reason)
	return err
}

// touch writes the row of a lease that nothing was written to for long.
func (l *Lease) touch(ctx context.Context) {
	ctx, cancel := l.leases.table.bound(ctx) // with the wait for a write under way
	defer cancel()
	if l.lock(ctx) != nil {
		return
	}
	defer l.unlock()
	if err := l.write(ctx, set{}); err != nil {
		l.log.WithError(err).Debug("lease row not touched, trying again")
	}
}

// askToDrain closes Drain, once. to gets the lease, or has it already; "" when the process stops.
func (l *Lease) askToDrain(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !isClosed(l.drain) {
		l.next = to
		close(l.drain)
	}
}

func (l *Lease) isDone() bool { return isClosed(l.done) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// setDone closes Done, once, and reports why.
func (l *Lease) setDone(reason lostReason) {
	l.askToDrain("")
	l.mu.Lock()
	if l.isDone() {
		l.mu.Unlock()
		return
	}
	close(l.done)
	row, to := l.row, l.next
	l.mu.Unlock()
	l.reportDone(reason, row, to)
}

func (l *Lease) reportDone(reason lostReason, row Row, to string) {
	l.leases.metrics.lost.WithLabelValues(string(reason)).Inc()
	l.leases.metrics.held.Dec()
	log := l.log.WithFields(logrus.Fields{"reason": reason, "lease_counter": row.Counter, "checkpoint": row.Checkpoint,
		"held_ms": time.Since(l.since).Milliseconds()})
	if to != "" {
		log = log.WithField("to", to)
	}
	switch {
	case reason != lostReleased:
		log.Warn("lease lost")
	case to != "":
		log.Info("lease handed over")
	default:
		log.Info("lease released")
	}
}
