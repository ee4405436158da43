package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/callevents/shared/wait"
)

// lock waits until no other write is under way.
func (l *Lease) lock(ctx context.Context) error {
	select {
	case l.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Lease) unlock() { <-l.writing }

// write performs one fenced write and finds out its outcome if it can. The caller has the lock. It takes no longer
// than the trust window: a call that hangs must not hide that the window closes.
func (l *Lease) write(ctx context.Context, change set) error {
	ctx, cancel := context.WithDeadline(ctx, l.life.Deadline())
	defer cancel()
	change[attrTimeout] = timeoutText()
	for range 3 {
		if l.isDone() {
			return ErrLost
		}
		row, err := l.leases.table.write(ctx, l.row, change)
		if err != nil {
			row, err = l.outcome(ctx, change, err)
		}
		if err == nil {
			l.setRow(row)
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

// outcome finds out what became of a write that was refused, or whose outcome is unknown, by reading the row again. The
// owner's id is unique to this life, and the writes of one lease follow each other. So a row that is ours, in a new
// version, and as the write leaves it, was written by us.
func (l *Lease) outcome(ctx context.Context, change set, cause error) (Row, error) {
	if errors.Is(cause, ErrTableMissing) {
		l.setDone(lostFenced)
		return Row{}, ErrLost
	}
	now, err := l.leases.table.shard(ctx, l.shardID)
	switch {
	case err != nil:
		return Row{}, errors.Join(cause, err)
	case now.Owner != l.life.id:
		l.leases.metrics.fenced.Inc()
		l.askToDrain(now.Owner)
		l.setDone(lostFenced)
		return Row{}, ErrLost
	case now.version() == l.row.version():
		return Row{}, cause // not applied, or not yet
	case change.reflectedIn(now):
		return now, nil
	}
	l.setRow(now)
	return Row{}, errAgain
}

// setRow is called under the lock.
func (l *Lease) setRow(row Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row, l.wrote = row, time.Now()
}

// pause waits before the next try of a write. It reports false when there must be none: the context ended, or the lease is
// done or trusted no more.
func (l *Lease) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-l.done:
		return false
	case <-time.After(l.leases.cfg.Duration / 20):
	}
	return time.Now().Before(l.life.Deadline())
}

// giveBack writes the release, until its outcome is known or ctx ends. One that is refused may have been applied all the same,
// when it was sent again because the answer was lost. Or another write was applied after its call had been given up.
func (l *Lease) giveBack(ctx context.Context) (lostReason, error) {
	seen := l.Row()
	for {
		_, err := l.leases.table.write(ctx, seen, set{attrOwner: "", attrTimeout: ""})
		if err == nil || errors.Is(err, ErrTableMissing) {
			return lostReleased, err
		}
		now, readErr := l.leases.table.shard(ctx, l.shardID)
		switch {
		case readErr == nil && now.Owner == "":
			return lostReleased, nil
		case readErr == nil && now.Owner != l.life.id:
			return lostFenced, ErrRefused
		case readErr == nil:
			seen = now
		}
		if wait.For(ctx, l.leases.cfg.retryPause()) != nil || l.isDone() {
			return lostReleased, errors.Join(err, readErr)
		}
	}
}

// leftUnsettled notes that a row may have our id without a lease.
func (s *Leases) leftUnsettled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsettled = true
}
