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

// write performs one fenced write and settles what it can of its outcome. The caller has the lock. It takes no longer
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
		if err == nil {
			l.extend(row, started)
			return nil
		}
		if l.unsure.IsZero() {
			l.unsure = started
		}
		row, err = l.settle(ctx, set, err)
		if err == nil { // by this write or by an earlier one that was applied late
			l.extend(row, l.unsure)
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
		l.askToLeave(now.Owner)
		l.end(lostFenced)
		return Row{}, ErrLost
	case now.version() == l.row.version():
		return Row{}, cause // not applied, or not yet
	case set.reflectedIn(now):
		return now, nil
	}
	l.setRow(now)
	return Row{}, errAgain
}

// extend records a successful write that started at the given time.
func (l *Lease) extend(row Row, started time.Time) {
	l.setRow(row)
	l.setDeadline(started.Add(l.manager.cfg.trust()))
	signal(l.renewed)
}

// setRow is called under the lock.
func (l *Lease) setRow(row Row) {
	l.unsure = time.Time{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row = row
}

// setDeadline moves the end of the trust window, unless the lease has ended meanwhile.
func (l *Lease) setDeadline(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.finished() {
		l.deadline = at
	}
}

// giveBack writes the release. One that is refused may have been applied all the same, when the SDK sent it again
// for want of an answer; or a renewal was applied after its call had been given up.
func (l *Lease) giveBack(ctx context.Context) (lostReason, error) {
	set := Set{attrOwner: "", attrTimeout: ""}
	_, err := l.manager.update(ctx, l.row, set)
	if !errors.Is(err, ErrRefused) {
		return lostReleased, err
	}
	now, readErr := l.manager.read(ctx, l.shardID)
	switch {
	case readErr != nil:
		return lostReleased, errors.Join(err, readErr)
	case now.Owner == "":
		return lostReleased, nil
	case now.Owner != l.manager.cfg.WorkerID:
		return lostFenced, err
	}
	_, err = l.manager.update(ctx, now, set)
	return lostReleased, err
}
