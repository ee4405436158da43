package lease

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// Run looks at the table, decides, and claims, grants and refuses, until ctx ends. It looks often while something
// moves and seldom while nothing does. Errors of the table are logged and outlasted.
func (m *Manager) Run(ctx context.Context) error {
	for {
		pause, err := m.sync(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.WithError(err).Warn("lease table not read, trying again")
		}
		least := m.cfg.SyncInterval / 10 // between two looks, however often Poke is called
		if !sleep(ctx, least, nil) || !sleep(ctx, pause-least, m.poke) {
			return nil
		}
	}
}

// sleep returns early on a poke; false: the context ended.
func sleep(ctx context.Context, d time.Duration, poke <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-poke:
	case <-timer.C:
	}
	return true
}

// sync is one look at the table and all that follows from it. It returns the pause before the next one.
func (m *Manager) sync(ctx context.Context) (time.Duration, error) {
	if err := m.announce(ctx); err != nil && !errors.Is(err, ErrTableMissing) && ctx.Err() == nil {
		m.log.WithError(err).Warn("row of this worker neither written nor removed, trying again")
	}
	rows, err := m.rows(ctx)
	if errors.Is(err, ErrTableMissing) {
		m.log.Error("lease table is missing, creating it; positions come from the object chain")
		return m.cfg.SyncInterval, m.table.Create(ctx)
	}
	if err != nil {
		return m.cfg.SyncInterval, err
	}
	shards, listed := m.shards.List()
	m.mu.Lock()
	if m.anyFinished(rows) {
		m.shards.Refresh()
	}
	m.observe(rows, time.Now())
	if shards == nil {
		m.mu.Unlock()
		return m.cfg.SyncInterval, nil
	}
	v := m.view(shards, time.Now())
	p := v.decide()
	if m.stopping { // what it gave back is not to be made up for
		p.take, p.claim = nil, nil
	}
	m.take = map[string]bool{}
	for _, shardID := range p.take {
		m.take[shardID] = true
	}
	m.synced = time.Now()
	pause := m.cfg.restInterval()
	if m.moving(v, p) {
		pause = m.cfg.SyncInterval
	}
	m.mu.Unlock()
	if len(p.take) > 0 {
		signal(m.wanted)
	}
	m.claim(ctx, p.claim)
	m.answer(ctx, p)
	m.cleanUp(ctx, shards, listed)
	return pause, nil
}

func (m *Manager) rows(ctx context.Context) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Duration)
	defer cancel()
	return m.table.Rows(ctx)
}

// anyFinished reports that a shard was read to its end since the last look, by whichever worker. Its children can be
// taken now, and not all may be for the worker that knows of them because it came to that end.
func (m *Manager) anyFinished(rows []Row) bool {
	return len(m.seen) > 0 && slices.ContainsFunc(rows, func(row Row) bool {
		return row.Finished() && !m.seen[row.ShardID].row.Finished()
	})
}

// observe notes which rows have changed. A row is dated after it was read, so that an owner that counts from
// before its write always stops earlier than anybody takes over.
func (m *Manager) observe(rows []Row, now time.Time) {
	seen := make(map[string]observation, len(rows))
	for _, row := range rows {
		o := observation{row: row, since: now}
		if before, ok := m.seen[row.ShardID]; ok {
			if before.row.Counter > row.Counter && m.held[row.ShardID] != nil {
				o = before // our own acquisition, younger than this read
			} else if before.row.version() == row.version() {
				o.since = before.since
			}
		}
		seen[row.ShardID] = o
	}
	for key, before := range m.seen {
		if _, found := seen[key]; !found {
			if o, keep := m.vanished(key, before, now); keep {
				seen[key] = o
			}
		}
	}
	m.seen = seen
}

// vanished decides about a row that is not in the table any more. Whoever held the lease may not know yet that the
// table was deleted, and who that was need not be in our last look: nobody takes it for a lease duration.
func (m *Manager) vanished(key string, before observation, now time.Time) (o observation, keep bool) {
	if m.held[key] != nil { // acquired after the read
		return before, true
	}
	if strings.HasPrefix(key, workerPrefix) {
		return before, false
	}
	if !before.vanished {
		before.vanished, before.since = true, now
		before.row.Owner = cmp.Or(before.row.Owner, "unknown")
	}
	return before, m.alive(before, now)
}

// moving reports whether the table should be looked at often.
func (m *Manager) moving(v view, p plan) bool {
	now := time.Now()
	if len(p.take)+len(p.claim)+len(p.grant) > 0 {
		return true
	}
	for _, l := range v.leases {
		stopped := m.held[l.shardID] == nil && now.Sub(m.seen[l.shardID].since) > m.cfg.Duration*3/4
		if l.owner == "" || l.claim != "" || l.leaving || stopped {
			return true
		}
	}
	return false
}

// claim asks for leases. A claim that fails may have been made all the same: the next look tells. It comes at once if
// the table does not answer, before more calls hang: renewals do not wait for them, but everything else does.
func (m *Manager) claim(ctx context.Context, shardIDs []string) {
	for _, shardID := range shardIDs {
		m.mu.Lock()
		row := m.seen[shardID].row
		m.mu.Unlock()
		callCtx, cancel := m.call(ctx)
		err := m.table.Claim(callCtx, row, m.cfg.WorkerID)
		cancel()
		entry := m.log.WithFields(logrus.Fields{"shard_id": shardID, "owner": row.Owner, "lease_counter": row.Counter})
		switch {
		case err == nil:
			entry.Info("lease claimed")
		case errors.Is(err, ErrRefused):
			entry.Debug("lease not claimed, its row has changed")
		default:
			entry.WithError(err).Debug("lease not claimed")
			return
		}
	}
}

// answer grants and refuses claims on held leases. What cannot be refused now is seen again by the next look.
func (m *Manager) answer(ctx context.Context, p plan) {
	for _, shardID := range p.grant {
		if l, claimant := m.claimed(shardID); l != nil {
			l.log.WithField("to", claimant).Debug("claim granted")
			l.askToLeave(claimant)
		}
	}
	for _, shardID := range p.refuse {
		if l, claimant := m.claimed(shardID); l != nil {
			callCtx, cancel := m.call(ctx)
			err := l.refuse(callCtx)
			cancel()
			l.log.WithField("from", claimant).WithError(err).Debug("claim refused")
			if err != nil && !errors.Is(err, ErrLost) {
				return
			}
		}
	}
}

func (m *Manager) claimed(shardID string) (*Lease, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[shardID], m.seen[shardID].row.Claim
}
