package lease

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// Run looks at the table, decides, and claims, grants and declines, until ctx ends. It looks often while leases move,
// and seldom while they rest. Errors of the table are logged and outlasted.
func (m *Manager) Run(ctx context.Context) error {
	for {
		pause, err := m.sync(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.WithError(err).Warn("lease table not read, trying again")
		}
		least := m.cfg.SyncInterval / 10 // between two looks, however often Poke is called
		if wait.For(ctx, least) != nil || m.poke.Wait(ctx, pause-least) != nil {
			return nil
		}
	}
}

// sync is one look at the table and all that follows from it. It returns the pause before the next one.
func (m *Manager) sync(ctx context.Context) (time.Duration, error) {
	if err := m.announce(ctx); err != nil && !errors.Is(err, ErrTableMissing) && ctx.Err() == nil {
		m.log.WithError(err).Warn("worker row not up to date, trying again")
	}
	rows, err := m.table.Rows(ctx)
	if errors.Is(err, ErrTableMissing) {
		m.log.Error("lease table is missing, creating it; positions come from the object chain")
		return m.cfg.SyncInterval, m.table.Create(ctx)
	}
	if err != nil {
		return m.cfg.SyncInterval, err
	}
	shards, listed := m.shards.List()
	p, pause := m.plan(rows, shards)
	if shards == nil {
		return pause, nil
	}
	if len(p.acquire) > 0 {
		m.wanted.Set()
	}
	m.claim(ctx, p.claim)
	m.grant(p.grant)
	m.decline(ctx, p.decline)
	m.cleanUp(ctx, shards, listed)
	return pause, nil
}

// announce keeps the worker's own row alive while it holds no lease, and removes the row once it holds one.
func (m *Manager) announce(ctx context.Context) error {
	m.mu.Lock()
	idle, seen := len(m.held) == 0, m.seen.rows[m.presence.key()].since
	m.mu.Unlock()
	if idle {
		return m.presence.show(ctx, seen)
	}
	return m.presence.remove(ctx)
}

// plan takes in what was read and decides what to do about it: nothing, as long as the shards are unknown.
func (m *Manager) plan(rows []Row, shards []Shard) (p plan, pause time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen.newlyFinished(rows) { // the children can be acquired now, by any worker: all must know of them
		m.shards.Refresh()
	}
	held, now := m.holding(), time.Now()
	m.seen.observe(rows, held, now)
	if shards == nil {
		return plan{}, m.cfg.SyncInterval
	}
	v := m.seen.view(shards, held, now)
	p = v.decide()
	if m.stopping { // it does not make up for what it has released
		p.acquire, p.claim = nil, nil
	}
	m.acquirable = map[string]bool{}
	for _, shardID := range p.acquire {
		m.acquirable[shardID] = true
	}
	m.synced = now
	if m.seen.atRest(v, p, held, now) {
		return p, m.cfg.restInterval()
	}
	return p, m.cfg.SyncInterval
}

// holding is called under the lock.
func (m *Manager) holding() holding {
	held := make(holding, len(m.held))
	for shardID, l := range m.held {
		held[shardID] = l.isDraining()
	}
	return held
}

// claim claims leases. A claim that fails may have been made all the same; the next look shows it. If the table does
// not answer, claim returns before more calls hang: renewals do not wait for it, but the next look does.
func (m *Manager) claim(ctx context.Context, shardIDs []string) {
	for _, shardID := range shardIDs {
		m.mu.Lock()
		row := m.seen.row(shardID)
		m.mu.Unlock()
		err := m.table.Claim(ctx, row, m.cfg.WorkerID)
		log := m.log.WithFields(logrus.Fields{"shard_id": shardID, "owner": row.Owner, "lease_counter": row.Counter})
		switch {
		case err == nil:
			log.Info("lease claimed")
		case errors.Is(err, ErrRefused):
			log.Debug("lease not claimed, its row has changed")
		default:
			log.WithError(err).Debug("lease not claimed")
			return
		}
	}
}

// grant asks the consumers of claimed leases to drain and release.
func (m *Manager) grant(shardIDs []string) {
	for _, shardID := range shardIDs {
		if l, claimant := m.claimed(shardID); l != nil {
			l.log.WithField("to", claimant).Debug("claim granted")
			l.askToDrain(claimant)
		}
	}
}

// decline clears claims on leases that stay. The next look finds a claim that could not be declined.
func (m *Manager) decline(ctx context.Context, shardIDs []string) {
	for _, shardID := range shardIDs {
		l, claimant := m.claimed(shardID)
		if l == nil {
			continue
		}
		callCtx, cancel := m.table.bound(ctx) // with the wait for a write under way
		err := l.decline(callCtx)
		cancel()
		l.log.WithField("from", claimant).WithError(err).Debug("claim declined")
		if err != nil && !errors.Is(err, ErrLost) {
			return
		}
	}
}

// claimed returns the lease if this worker holds it, and its claimant.
func (m *Manager) claimed(shardID string) (*Lease, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[shardID], m.seen.row(shardID).Claim
}

func (m *Manager) cleanUp(ctx context.Context, shards []Shard, listed time.Time) {
	m.mu.Lock()
	rows := m.cleaner.deletable(m.seen, m.holding(), shards, listed, time.Now())
	m.mu.Unlock()
	m.cleaner.delete(ctx, rows)
}
