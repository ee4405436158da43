package lease

import (
	"context"
	"errors"
	"time"
)

// workerPrefix begins the keys of the rows by which workers without a lease show that they are alive. A worker
// with leases is seen by its leases and has no such row.
const workerPrefix = "_worker/"

func workerKey(workerID string) string { return workerPrefix + workerID }

// announce keeps the worker's own row alive while it holds no lease, and removes it once it does.
func (m *Manager) announce(ctx context.Context) error {
	m.mu.Lock()
	idle, row := len(m.held) == 0, m.presence
	due := time.Since(m.seen[row.ShardID].since) >= m.cfg.renewEvery()
	m.mu.Unlock()
	if !idle {
		return m.leave(ctx)
	}
	if row.Exists() && !due {
		return nil
	}
	written, err := m.update(ctx, row, Set{attrTimeout: m.timeoutText()})
	if errors.Is(err, ErrRefused) {
		written, err = m.read(ctx, row.ShardID)
	}
	if err == nil {
		m.presence = written
	}
	return err
}

// leave removes the worker's own row.
func (m *Manager) leave(ctx context.Context) error {
	if !m.presence.Exists() {
		return nil
	}
	ctx, cancel := m.call(ctx)
	defer cancel()
	err := m.table.Delete(ctx, m.presence)
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrTableMissing) {
		m.presence = Row{ShardID: m.presence.ShardID}
		return nil
	}
	return err
}
