package lease_test

import (
	"context"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// door is a worker's way to the table: a killed worker's calls do not go through, a paused one's go through late.
type door struct {
	lease.Table
	killed context.Context
	mu     sync.Mutex
	paused chan struct{} // closed when the pause is over; nil: not paused
}

// pass returns when a call may go through. late is run when the caller has given up on a call that goes through
// only after the pause: its request was on its way.
func (d *door) pass(ctx context.Context, late func()) error {
	d.mu.Lock()
	paused := d.paused
	d.mu.Unlock()
	if paused != nil {
		select {
		case <-paused:
		case <-ctx.Done():
			go func() {
				<-paused
				late()
			}()
			return ctx.Err()
		}
	}
	if d.killed.Err() != nil {
		<-ctx.Done()
	}
	return ctx.Err()
}

// The reads of a paused worker fail with the rest, but for one row's: a write that hangs while its row can be read is
// the more dangerous case.
func (d *door) Rows(ctx context.Context) ([]lease.Row, error) {
	if err := d.pass(ctx, func() {}); err != nil {
		return nil, err
	}
	return d.Table.Rows(ctx)
}

func (d *door) Update(ctx context.Context, seen lease.Row, set lease.Set) (lease.Row, error) {
	late := func() { _, _ = d.Table.Update(context.Background(), seen, set) }
	if err := d.pass(ctx, late); err != nil {
		return lease.Row{}, err
	}
	return d.Table.Update(ctx, seen, set)
}

func (d *door) Claim(ctx context.Context, seen lease.Row, claimant string) error {
	late := func() { _ = d.Table.Claim(context.Background(), seen, claimant) }
	if err := d.pass(ctx, late); err != nil {
		return err
	}
	return d.Table.Claim(ctx, seen, claimant)
}

// pause holds the worker's requests back; resume lets them through, late.
func (w *testWorker) pause() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	if w.table.paused == nil {
		w.table.paused = make(chan struct{})
	}
}

func (w *testWorker) pauseFor(d time.Duration) {
	w.pause()
	time.AfterFunc(d, w.resume)
}

func (w *testWorker) resume() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	if w.table.paused != nil {
		close(w.table.paused)
		w.table.paused = nil
	}
}
