package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lock waits until no other write is under way, which may take as long as the trust window.
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
func (l *Lease) write(ctx context.Context, set Set) error {
	ctx, cancel := context.WithDeadline(ctx, l.Deadline())
	defer cancel()
	set[attrTimeout] = l.manager.cfg.timeoutText()
	for range 3 {
		if l.isDone() {
			return ErrLost
		}
		started := time.Now()
		row, err := l.manager.table.Update(ctx, l.row, set)
		if err == nil {
			l.extend(row, started)
			return nil
		}
		if l.unknownSince.IsZero() {
			l.unknownSince = started
		}
		row, err = l.outcome(ctx, set, err)
		if err == nil { // by this write or by an earlier one that was applied late
			l.extend(row, l.unknownSince)
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
// owner's name is unique to this process, and the writes of one lease follow each other. So a row that is ours, in a new
// version, and as the write leaves it, was written by us.
func (l *Lease) outcome(ctx context.Context, set Set, cause error) (Row, error) {
	if errors.Is(cause, ErrTableMissing) {
		l.setDone(lostFenced)
		return Row{}, ErrLost
	}
	now, err := l.manager.table.Row(ctx, l.shardID)
	switch {
	case err != nil:
		return Row{}, errors.Join(cause, err)
	case now.Owner != l.manager.cfg.WorkerID:
		l.manager.metrics.fenced.Inc()
		l.askToDrain(now.Owner)
		l.setDone(lostFenced)
		return Row{}, ErrLost
	case now.version() == l.row.version():
		return Row{}, cause // not applied, or not yet
	case set.reflectedIn(now):
		return now, nil
	}
	l.setRow(now)
	return Row{}, errAgain
}

// extend records a write that succeeded. Others may count from started on, so the trust window does.
func (l *Lease) extend(row Row, started time.Time) {
	l.setRow(row)
	l.setDeadline(started.Add(l.manager.cfg.trust()))
	l.renewed.Set()
}

// setRow is called under the lock.
func (l *Lease) setRow(row Row) {
	l.unknownSince = time.Time{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row = row
}

// setDeadline moves the end of the trust window, unless the lease is done by now.
func (l *Lease) setDeadline(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isDone() {
		l.deadline = at
	}
}

// pause waits before the next try of a write. It reports false when there must be none: the context ended, the lease
// is done, or its trust window has closed, in which case the lease is lost from here on.
func (l *Lease) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-l.done:
		return false
	case <-time.After(min(l.manager.cfg.retryPause(), time.Until(l.Deadline()))):
	}
	deadline := l.Deadline()
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		l.setDone(lostUnrenewed)
	}
	return time.Now().Before(deadline)
}

// giveBack writes the release. One that is refused may have been applied all the same, when the SDK sent it again
// because the answer was lost. Or a renewal was applied after its call had been given up.
func (l *Lease) giveBack(ctx context.Context) (lostReason, error) {
	set := Set{attrOwner: "", attrTimeout: ""}
	_, err := l.manager.table.Update(ctx, l.row, set)
	if !errors.Is(err, ErrRefused) {
		return lostReleased, err
	}
	now, readErr := l.manager.table.Row(ctx, l.shardID)
	switch {
	case readErr != nil:
		return lostReleased, errors.Join(err, readErr)
	case now.Owner == "":
		return lostReleased, nil
	case now.Owner != l.manager.cfg.WorkerID:
		return lostFenced, err
	}
	_, err = l.manager.table.Update(ctx, now, set)
	return lostReleased, err
}
