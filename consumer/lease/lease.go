package lease

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// ErrLost means that the lease is not ours any more, or may not be. What the shard has buffered must be discarded; its
// new owner reads it again.
var ErrLost = errors.New("lease lost")

// Lease is a lease that this process acquired. It is done when it is released or lost. A shard that is acquired again
// gets another Lease, so an old one can do nothing to it. All methods are safe for concurrent use.
type Lease struct {
	manager *Manager
	log     *logrus.Entry
	shardID string
	since   time.Time          // of the acquisition
	cancel  context.CancelFunc // of the keeper's context: also cuts its call off

	writing      chan struct{} // capacity 1, full across a write: the lock of [Lease.write]
	unknownSince time.Time     // start of the first write to this row version with an unknown outcome; under that lock

	mu       sync.Mutex // guards what follows
	row      Row        // as last written or read; changes only during a write
	deadline time.Time
	claimant string // who gets the lease, as far as known
	drain    chan struct{}
	done     chan struct{}

	renewed wait.Signal // by whichever write: the keeper counts from there
}

func newLease(m *Manager, row Row, deadline time.Time, cancel context.CancelFunc) *Lease {
	return &Lease{
		manager: m, shardID: row.ShardID, row: row, deadline: deadline, since: time.Now(), cancel: cancel,
		log: m.log.WithField("shard_id", row.ShardID), writing: make(chan struct{}, 1),
		drain: make(chan struct{}), done: make(chan struct{}), renewed: wait.NewSignal(),
	}
}

// ShardID names the shard.
func (l *Lease) ShardID() string { return l.shardID }

// Row returns the row as of the last write: counter, checkpoint, claim.
func (l *Lease) Row() Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row
}

// Deadline ends the trust window: the lease duration less a tenth, counted from the start of the last write that
// succeeded. Until then no other worker can have acquired the lease because it expired. The zero time once the lease is
// done or is being released.
func (l *Lease) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// Drain is closed when the owner should drain the shard and release the lease: a claim was granted, the process stops,
// or the lease is gone.
func (l *Lease) Drain() <-chan struct{} { return l.drain }

// Done is closed when the lease is released or lost.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Release gives the lease back. It is then free at once, or free for its claimant; if the write fails, it expires. The
// lease is done afterwards in any case. Whoever acquired it calls Release exactly once, when nothing reads or writes
// the shard any more.
func (l *Lease) Release(ctx context.Context) error {
	defer l.manager.drop(l)
	if err := l.lock(ctx); err != nil {
		l.setDone(lostUnrenewed)
		return err
	}
	defer l.unlock()
	if l.isDone() {
		return nil
	}
	l.setDeadline(time.Time{}) // the next owner may be inside its trust window before we have the answer
	reason, err := l.giveBack(ctx)
	l.setDone(reason)
	return err
}

// keep renews the lease until it is done, which ends ctx. It has a goroutine of its own, so that neither a slow start
// of the consumer nor a flush that hangs lets the lease expire.
func (l *Lease) keep(ctx context.Context) {
	for {
		due := l.renewal()
		if l.renewed.Wait(ctx, time.Until(due)) != nil {
			return
		}
		if time.Now().Before(due) { // a checkpoint renewed it, or the last renewal did
			continue
		}
		for err := l.renew(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrLost); err = l.renew(ctx) {
			log := l.log.WithError(err).WithField("trusted_until", l.Deadline())
			log.Warn("lease not renewed, trying again while it is trusted")
			if !l.pause(ctx) {
				break
			}
		}
	}
}

// renewal is when to renew next. It is counted from the start of the last write, as the trust window is: slow answers
// must not use up the time for retries.
func (l *Lease) renewal() time.Time {
	due := l.manager.cfg.renewEvery()
	spread := time.Duration(rand.Int64N(int64(due/10)+1)) - due/20 // leases are not renewed all at once
	return l.Deadline().Add(due + spread - l.manager.cfg.trust())
}

// renew writes nothing but the counter. A claim that is new in the row makes the manager look at once.
func (l *Lease) renew(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	known := l.row.Claim
	err := l.write(ctx, Set{})
	if err == nil && l.row.Claim != "" && l.row.Claim != known {
		l.manager.Poke()
	}
	return err
}

// decline clears a claim that would make the distribution worse.
func (l *Lease) decline(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return l.write(ctx, Set{attrClaim: ""})
}

// askToDrain closes Drain, once. claimant gets the lease, or has it already; "" when the process stops.
func (l *Lease) askToDrain(claimant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isDraining() {
		l.claimant = claimant
		close(l.drain)
	}
}

func (l *Lease) isDraining() bool { return isClosed(l.drain) }

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
	l.deadline = time.Time{}
	close(l.done)
	row, claimant := l.row, l.claimant
	l.mu.Unlock()
	l.cancel()
	l.reportDone(reason, row, claimant)
}

func (l *Lease) reportDone(reason lostReason, row Row, claimant string) {
	l.manager.metrics.lost.WithLabelValues(string(reason)).Inc()
	l.manager.metrics.held.Dec()
	log := l.log.WithFields(logrus.Fields{"reason": reason, "lease_counter": row.Counter, "checkpoint": row.Checkpoint,
		"held_ms": time.Since(l.since).Milliseconds()})
	if claimant != "" {
		log = log.WithField("to", claimant)
	}
	switch {
	case reason != lostReleased:
		log.Warn("lease lost")
	case claimant != "":
		log.Info("lease handed over")
	default:
		log.Info("lease released")
	}
}
