package lease_test

import (
	"context"
	"sync"

	"example.com/callevents/consumer/lease"
)

// door is a worker's way to the table: a killed worker's calls do not go through, a paused one's go through late.
type door struct {
	lease.Table
	killed context.Context
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

// Rows hangs like the writes. Row does not: a write that hangs while its row can be read is the more dangerous case.
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
