package lease_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// hook is called with every call to the table, without the lock.
type hook func(ctx context.Context, call, shardID string) error

// memory is a lease.Table in memory.
type memory struct {
	mu       sync.Mutex
	before   hook // may fail the call
	after    hook // may replace the answer of a call that was applied
	exists   bool
	rows     map[string]lease.Row
	counters map[string]int64              // highest counter ever, per row
	requests map[string]int                // per call
	owned    map[ownership]time.Time       // when an owner's last write was applied
	wrote    []func(before, now lease.Row) // under the lock, for invariants
	claimed  func(now lease.Row)           // as wrote
	faults   []string
}

type ownership struct{ shardID, owner string }

func newMemory() *memory {
	return &memory{exists: true, rows: map[string]lease.Row{}, counters: map[string]int64{}, requests: map[string]int{},
		owned: map[ownership]time.Time{}}
}

func (m *memory) do(ctx context.Context, call, shardID string, f func() error) error {
	m.mu.Lock()
	before, after := m.before, m.after
	m.mu.Unlock()
	if before != nil {
		if err := before(ctx, call, shardID); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	m.requests[call]++
	err := lease.ErrTableMissing
	if m.exists || call == "Create" {
		err = f()
	}
	m.mu.Unlock()
	if err == nil && after != nil {
		return after(ctx, call, shardID)
	}
	return err
}

func (m *memory) Create(ctx context.Context) error {
	return m.do(ctx, "Create", "", func() error { m.exists = true; return nil })
}

func (m *memory) Rows(ctx context.Context) (rows []lease.Row, err error) {
	err = m.do(ctx, "Rows", "", func() error {
		for _, r := range m.rows {
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

func (m *memory) Row(ctx context.Context, shardID string) (row lease.Row, err error) {
	err = m.do(ctx, "Row", shardID, func() error {
		row = m.rows[shardID]
		row.ShardID = shardID
		return nil
	})
	return row, err
}

func (m *memory) Update(ctx context.Context, seen lease.Row, set lease.Set) (row lease.Row, err error) {
	err = m.do(ctx, "Update", seen.ShardID, func() error {
		now, err := m.expect(seen)
		if err != nil {
			return err
		}
		row = set.Apply(now)
		row.Counter++
		if row.Counter <= m.counters[row.ShardID] {
			m.faults = append(m.faults, fmt.Sprintf("counter of %s repeats: %d", row.ShardID, row.Counter))
		}
		m.counters[row.ShardID] = row.Counter
		m.rows[row.ShardID] = row
		m.owned[ownership{row.ShardID, row.Owner}] = time.Now()
		for _, wrote := range m.wrote {
			wrote(now, row)
		}
		return nil
	})
	return row, err
}

func (m *memory) Claim(ctx context.Context, seen lease.Row, claimant string) error {
	return m.do(ctx, "Claim", seen.ShardID, func() error {
		now, err := m.expect(seen)
		if err != nil || now.Claim != seen.Claim {
			return lease.ErrRefused
		}
		now.Claim = claimant
		m.rows[seen.ShardID] = now
		if m.claimed != nil {
			m.claimed(now)
		}
		return nil
	})
}

func (m *memory) Delete(ctx context.Context, seen lease.Row) error {
	return m.do(ctx, "Delete", seen.ShardID, func() error {
		if _, err := m.expect(seen); err != nil {
			return err
		}
		delete(m.rows, seen.ShardID)
		delete(m.counters, seen.ShardID)
		return nil
	})
}

func (m *memory) expect(seen lease.Row) (lease.Row, error) {
	now, ok := m.rows[seen.ShardID]
	if ok != seen.Exists() || ok && !now.SameVersion(seen) {
		return lease.Row{}, lease.ErrRefused
	}
	now.ShardID = seen.ShardID
	return now, nil
}

// disturb sets the hooks; nil for none.
func (m *memory) disturb(before, after hook) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.after = before, after
}

// watch has every write shown to an observer, under the lock.
func (m *memory) watch(wrote func(before, now lease.Row)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrote = append(m.wrote, wrote)
}

func (m *memory) watchClaims(claimed func(now lease.Row)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claimed = claimed
}

// applied returns when the last write of the row's owner was applied.
func (m *memory) applied(row lease.Row) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owned[ownership{row.ShardID, row.Owner}]
}

// set writes a row as an operator or a stock worker would, past all conditions.
func (m *memory) set(row lease.Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[row.ShardID] = row
	m.owned[ownership{row.ShardID, row.Owner}] = time.Now()
}

func (m *memory) get(shardID string) lease.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[shardID]
}

func (m *memory) total() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, requests := range m.requests {
		n += requests
	}
	return n
}
