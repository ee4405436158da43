package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// workerPrefix begins the keys of the rows by which workers without a lease show that they are alive. A worker
// with leases is seen by its leases and has no such row.
const workerPrefix = "_worker/"

// presence is the row of this worker itself. Its methods are called by one goroutine at a time.
type presence struct {
	cfg   Config
	table Table
	row   Row // as last written or read
}

func newPresence(cfg Config, table Table) *presence {
	return &presence{cfg: cfg, table: table, row: Row{ShardID: workerPrefix + cfg.WorkerID}}
}

func (p *presence) key() string { return p.row.ShardID }

// show writes the row if it is absent, or if its version was first seen at least half a lease duration ago.
func (p *presence) show(ctx context.Context, seen time.Time) error {
	if p.row.Exists() && time.Since(seen) < p.cfg.renewEvery() {
		return nil
	}
	row, err := p.table.Update(ctx, p.row, Set{attrTimeout: p.cfg.timeoutText(), attrDuration: p.cfg.Duration.String()})
	if errors.Is(err, ErrRefused) { // an earlier write was applied after all, or somebody deleted the row
		row, err = p.table.Row(ctx, p.key())
	}
	if err != nil {
		return fmt.Errorf("write worker row: %w", err)
	}
	p.row = row
	return nil
}

// remove deletes the row. If it is refused, another version of the row stays until it expires.
func (p *presence) remove(ctx context.Context) error {
	if !p.row.Exists() {
		return nil
	}
	err := p.table.Delete(ctx, p.row)
	if err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrTableMissing) {
		return fmt.Errorf("remove worker row: %w", err)
	}
	p.row = Row{ShardID: p.key()}
	return nil
}
