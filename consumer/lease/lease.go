package lease

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/sequence"
)

// ErrLost means that the lease is not ours any more, or may not be: whatever the shard has buffered must be
// discarded, its new owner reads it again.
var ErrLost = errors.New("lease lost")

// Lease is a lease that this process acquired, from the acquisition until it is released or lost. A shard that is
// acquired again gets another Lease, so that whoever still holds an old one can do nothing with it. All methods
// are safe for concurrent use.
type Lease struct {
	manager *Manager
	log     *logrus.Entry
	shardID string
	since   time.Time
	cut     context.CancelFunc // ends the keeper's call under way

	writing chan struct{} // capacity 1: one write at a time; full across the call
	unsure  time.Time     // start of the first write to this version of the row whose outcome is unknown; under the lock

	mu       sync.Mutex // guards what follows
	row      Row        // as last written or read; changes only during a write
	deadline time.Time
	claimant string // whom the lease goes to, as far as known
	leave    chan struct{}
	done     chan struct{}
	renewed  chan struct{} // capacity 1: a checkpoint was written, count from there
}

func newLease(m *Manager, row Row, deadline time.Time) *Lease {
	return &Lease{
		manager: m, shardID: row.ShardID, row: row, deadline: deadline, since: time.Now(),
		log:     m.log.WithField("shard_id", row.ShardID),
		writing: make(chan struct{}, 1), leave: make(chan struct{}), done: make(chan struct{}), renewed: make(chan struct{}, 1),
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
// succeeded. Until then no other worker can have taken the lease by expiry. The zero time once the lease is gone, or
// on its way.
func (l *Lease) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// Drain is closed when the owner should drain the shard and release the lease: a claim was granted, the process stops,
// or the lease is gone.
func (l *Lease) Drain() <-chan struct{} { return l.leave }

// Done is closed when the lease is released or lost.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Position returns the checkpoint as of the last write, for the start of reading; zero if there is none yet.
func (l *Lease) Position() (at sequence.Number, day string, err error) {
	row := l.Row()
	at, err = parseCheckpoint(row.Checkpoint)
	return at, row.CheckpointDay, err
}

// parseCheckpoint reads a checkpoint for reading on from it. The stock library and its relatives write position
// names where there is no record yet; they count as no checkpoint.
func parseCheckpoint(checkpoint string) (sequence.Number, error) {
	switch checkpoint {
	case "", TrimHorizon, "LATEST", "AT_TIMESTAMP":
		return "", nil
	}
	return sequence.Parse(checkpoint)
}

// Checkpoint stores the end of the newest link, and the day of the next one. It is a renewal too. A checkpoint that is
// not ahead of the stored one is ignored. The error is [ErrLost], which means discard, or says why the outcome stayed
// unknown until ctx ended or the trust window closed.
func (l *Lease) Checkpoint(ctx context.Context, at sequence.Number, day string) error {
	return l.advance(ctx, day, func(stored string) (string, error) {
		before, err := parseCheckpoint(stored)
		if err != nil || !at.After(before) {
			return "", err
		}
		return at.String(), nil
	})
}

// Finish stores [ShardEnd] in the same way: the shard was read to its end, and nothing follows.
func (l *Lease) Finish(ctx context.Context, day string) error {
	return l.advance(ctx, day, func(string) (string, error) { return ShardEnd, nil })
}

// advance writes the checkpoint that follows the stored one; "" is none. Nothing follows [ShardEnd].
func (l *Lease) advance(ctx context.Context, day string, next func(stored string) (string, error)) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if l.row.Finished() {
		return nil
	}
	checkpoint, err := next(l.row.Checkpoint)
	if err != nil || checkpoint == "" {
		return err
	}
	for pause := l.manager.cfg.retryPause(); ; {
		err := l.write(ctx, Set{attrCheckpoint: checkpoint, attrDay: day})
		if err == nil || errors.Is(err, ErrLost) || !l.wait(ctx, pause) {
			return err
		}
		l.log.WithError(err).Warn("checkpoint not confirmed, trying again")
	}
}

// Release gives the lease back, so that it is free at once, or free for its claimant. What a failure leaves behind,
// expiry repairs. The lease is done afterwards, whatever happened. Whoever acquired the lease calls it exactly once,
// when nothing reads or writes the shard any more.
func (l *Lease) Release(ctx context.Context) error {
	defer l.manager.forget(l)
	if err := l.lock(ctx); err != nil {
		l.end(lostUnrenewed)
		return err
	}
	defer l.unlock()
	if l.finished() {
		return nil
	}
	l.setDeadline(time.Time{}) // the next owner may be inside its trust window before we have the answer
	reason, err := l.giveBack(ctx)
	l.end(reason)
	return err
}

// keep renews the lease until it is done. It runs from the acquisition on, in a goroutine of its own, so that
// neither a slow start of the consumer nor a hung flush lets the lease expire.
func (l *Lease) keep(ctx context.Context) {
	for {
		timer := time.NewTimer(time.Until(l.renewal()))
		select {
		case <-l.done:
			timer.Stop()
			return
		case <-l.renewed: // by a checkpoint
			timer.Stop()
			continue
		case <-timer.C:
		}
		for err := l.renew(ctx); err != nil && !errors.Is(err, ErrLost); err = l.renew(ctx) {
			l.log.WithError(err).Warn("lease not renewed, trying again inside the trust window")
			if !l.wait(ctx, l.manager.cfg.retryPause()) {
				break
			}
		}
	}
}

// renewal is when to renew next. It is counted from the start of the last write, as the trust window is: slow answers
// must not use up the time for retries.
func (l *Lease) renewal() time.Time {
	due := l.manager.cfg.renewEvery()
	spread := time.Duration(rand.Int64N(int64(due/10)+1)) - due/20 // over the table
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
	select {
	case <-l.renewed: // our own
	default:
	}
	if err == nil && l.row.Claim != "" && l.row.Claim != known {
		l.manager.Poke()
	}
	return err
}

// refuse clears a claim that would make the distribution worse.
func (l *Lease) refuse(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return l.write(ctx, Set{attrClaim: ""})
}

// wait sleeps before another try. It reports false when there must be none: the context or the lease ended. A
// lease whose trust window closes meanwhile is given up here.
func (l *Lease) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(min(pause, time.Until(l.Deadline())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-l.done:
		return false
	case <-timer.C:
	}
	deadline := l.Deadline()
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		l.end(lostUnrenewed)
	}
	return time.Now().Before(deadline)
}

// askToLeave closes Leave, once. claimant is who gets the lease, or has it already; "" when the process stops.
func (l *Lease) askToLeave(claimant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.leave:
	default:
		l.claimant = claimant
		close(l.leave)
	}
}

func (l *Lease) leaving() bool {
	select {
	case <-l.leave:
		return true
	default:
		return false
	}
}

func (l *Lease) finished() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// end closes the lease, once, and says why.
func (l *Lease) end(reason lostReason) {
	l.askToLeave("")
	l.mu.Lock()
	if l.finished() {
		l.mu.Unlock()
		return
	}
	l.deadline = time.Time{}
	close(l.done)
	claimant := l.claimant
	l.mu.Unlock()
	l.cut()
	l.manager.ended(l, reason, claimant)
}
