package lease_test

import (
	"context"
	"sync"
	"sync/atomic"

	"example.com/callevents/consumer/lease"
)

// door is a worker's way to the table: a killed worker's calls do not go through, a paused one's go through late.
type door struct {
	lease.Table
	killed context.Context
	deaf   *atomic.Bool
	wrote  func(key string) (answered bool) // after each write that was applied
	mu     sync.Mutex
	paused chan struct{} // closed when the pause is over; nil: not paused
}

// pass returns when a call may go through. If the caller gives up during the pause, its request is on its way all the
// same: late is run after the pause.
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

// Scan hangs like the writes. Get of single rows does not: a write that hangs while its row can be read is the more dangerous
// case.
func (d *door) Scan(ctx context.Context) ([]lease.Item, error) {
	if err := d.pass(ctx, func() {}); err != nil {
		return nil, err
	}
	return d.Table.Scan(ctx)
}

func (d *door) Get(ctx context.Context, consistent bool, keys ...string) (map[string]lease.Item, error) {
	if d.deaf.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if len(keys) > 1 || d.killed.Err() != nil {
		if err := d.pass(ctx, func() {}); err != nil {
			return nil, err
		}
	}
	return d.Table.Get(ctx, consistent, keys...)
}

func (d *door) Update(ctx context.Context, w lease.Write) (lease.Item, error) {
	late := func() { _, _ = d.Table.Update(context.Background(), w) }
	if err := d.pass(ctx, late); err != nil {
		return nil, err
	}
	item, err := d.Table.Update(ctx, w)
	if err == nil && !d.wrote(w.Key) {
		return nil, errThrottled
	}
	return item, err
}

func (d *door) Delete(ctx context.Context, key string, conditions ...lease.Condition) error {
	late := func() { _ = d.Table.Delete(context.Background(), key, conditions...) }
	if err := d.pass(ctx, late); err != nil {
		return err
	}
	return d.Table.Delete(ctx, key, conditions...)
}
