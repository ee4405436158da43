package lease

import (
	"context"
	"errors"
	"fmt"
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

	writing chan struct{} // capacity 1: one write at a time; full across the call

	mu       sync.Mutex // guards what follows
	row      Row        // as last written or read; changes only during a write
	deadline time.Time
	claimant string // "" unless leave was closed for a claim
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
// succeeded. Until then no other worker can have taken the lease by expiry. The zero time once the lease is gone.
func (l *Lease) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// Leave is closed when the owner should drain and release: another worker's claim was granted, the process
// stops, or the lease is gone.
func (l *Lease) Leave() <-chan struct{} { return l.leave }

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

// Checkpoint stores checkpoint, a decimal sequence number or [ShardEnd], with the day of the newest link. It is a
// renewal too. A checkpoint that is not ahead of the stored one is ignored, and nothing follows [ShardEnd].
// [ErrLost] means discard; any other error means that the outcome stayed unknown until ctx ended or the trust
// window closed.
func (l *Lease) Checkpoint(ctx context.Context, checkpoint, day string) error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	ahead, err := isAhead(checkpoint, l.row.Checkpoint)
	if err != nil || !ahead {
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

func isAhead(checkpoint, stored string) (bool, error) {
	if stored == ShardEnd {
		return false, nil
	}
	if checkpoint == ShardEnd {
		return true, nil
	}
	next, err := sequence.Parse(checkpoint)
	if err != nil {
		return false, fmt.Errorf("checkpoint: %w", err)
	}
	current, err := parseCheckpoint(stored)
	return next.After(current), err
}

// Release gives the lease back, so that it is free at once, or free for its claimant. It is tried once: what a
// failure leaves behind, expiry repairs. The lease is done afterwards, whatever happened. Whoever acquired the
// lease calls it exactly once, when nothing reads or writes the shard any more.
func (l *Lease) Release(ctx context.Context) error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	defer l.manager.forget(l)
	if l.finished() {
		return nil
	}
	_, err := l.manager.update(ctx, l.row, Set{attrOwner: "", attrTimeout: ""})
	reason := lostReleased
	if errors.Is(err, ErrRefused) {
		reason = lostFenced
	}
	l.end(reason)
	return err
}

// write performs one fenced write and settles what it can of its outcome. The caller has l.writing. It takes no longer
// than the trust window: a call that hangs must not keep the end of the window from being seen.
func (l *Lease) write(ctx context.Context, set Set) error {
	ctx, cancel := context.WithDeadline(ctx, l.Deadline())
	defer cancel()
	set[attrTimeout] = l.manager.timeoutText()
	for range 3 {
		if l.finished() {
			return ErrLost
		}
		started := time.Now()
		row, err := l.manager.update(ctx, l.row, set)
		if err != nil {
			row, err = l.settle(ctx, set, err)
		}
		if err == nil {
			l.extend(row, started)
			return nil
		}
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return fmt.Errorf("update lease row %s: it changes faster than it can be written", l.shardID)
}

// errAgain means that the row is still ours in another version than we thought: write again from there.
var errAgain = errors.New("row changed, still ours")

// settle decides what a write that was refused or had an unknown outcome has come to, by reading the row again.
// The owner's name is unique to this process, and writes of one lease follow each other, so a row that is ours,
// one further, and carries what was written, was written by us.
func (l *Lease) settle(ctx context.Context, set Set, cause error) (Row, error) {
	if errors.Is(cause, ErrTableMissing) {
		l.end(lostFenced)
		return Row{}, ErrLost
	}
	now, err := l.manager.read(ctx, l.shardID)
	switch {
	case err != nil:
		return Row{}, errors.Join(cause, err)
	case now.Owner != l.manager.cfg.WorkerID:
		l.manager.metrics.fenced.Inc()
		l.end(lostFenced)
		return Row{}, ErrLost
	case now.version() == l.row.version():
		return Row{}, cause // not applied, or not yet
	case set.reflectedIn(now):
		return now, nil
	}
	l.mu.Lock()
	l.row = now
	l.mu.Unlock()
	return Row{}, errAgain
}

// extend records a successful write that started at the given time.
func (l *Lease) extend(row Row, started time.Time) {
	l.mu.Lock()
	l.row = row
	l.deadline = started.Add(l.manager.cfg.trust())
	l.mu.Unlock()
	select {
	case l.renewed <- struct{}{}:
	default:
	}
}

// keep renews the lease until it is done. It runs from the acquisition on, in a goroutine of its own, so that
// neither a slow start of the consumer nor a hung flush lets the lease expire.
func (l *Lease) keep(ctx context.Context) {
	for {
		due := l.manager.cfg.renewEvery()
		due += time.Duration(rand.Int64N(int64(due/10) + 1)) // spread over the table
		timer := time.NewTimer(due - due/20)
		select {
		case <-l.done:
			timer.Stop()
			return
		case <-l.renewed: // by a checkpoint
			timer.Stop()
			continue
		case <-timer.C:
		}
		for l.renew(ctx) != nil && l.wait(ctx, l.manager.cfg.retryPause()) {
			l.log.Warn("lease renewal failed, trying again inside the trust window")
		}
	}
}

// renew writes nothing but the counter. A claim that it finds in the row makes the manager look at once.
func (l *Lease) renew(ctx context.Context) error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	err := l.write(ctx, Set{})
	select {
	case <-l.renewed: // our own
	default:
	}
	if err == nil && l.row.Claim != "" {
		l.manager.Poke()
	}
	return err
}

// refuse clears a claim that would make the distribution worse, or whose claimant is gone.
func (l *Lease) refuse(ctx context.Context) error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
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
	if !time.Now().Before(l.Deadline()) {
		l.end(lostUnrenewed)
		return false
	}
	return true
}

// askToLeave closes Leave, once. claimant is "" when the process stops.
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
	l.manager.ended(l, reason, claimant)
}
