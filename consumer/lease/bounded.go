package lease

import "context"

// boundedTable is a [Table] whose calls end in time: one that hangs must not hold up what comes after it. Create is the
// exception, since a new table needs longer; it bounds itself.
type boundedTable struct {
	Table
	cfg Config
}

// bound limits ctx to the time of one call.
func (t boundedTable) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.cfg.callTimeout())
}

// Rows has the whole lease duration: a large table needs many calls.
func (t boundedTable) Rows(ctx context.Context) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Duration)
	defer cancel()
	return t.Table.Rows(ctx)
}

func (t boundedTable) Row(ctx context.Context, shardID string) (Row, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Row(ctx, shardID)
}

func (t boundedTable) Update(ctx context.Context, seen Row, set Set) (Row, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Update(ctx, seen, set)
}

func (t boundedTable) Claim(ctx context.Context, seen Row, claimant string) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Claim(ctx, seen, claimant)
}

func (t boundedTable) Delete(ctx context.Context, seen Row) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Delete(ctx, seen)
}
