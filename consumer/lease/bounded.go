package lease

import "context"

// boundedTable is a [Table] whose calls end in time: one that hangs must not hold up what comes after it. Only Create
// is bounded by its implementation alone, since a new table takes its time.
type boundedTable struct {
	Table
	cfg Config
}

// bound gives what is done under the context the time of one call.
func (t boundedTable) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.cfg.callTimeout())
}

// Rows may take the lease duration: it is many calls if the table is large.
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
