package lease

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// workerPrefix begins the keys of the rows by which workers without a lease show that they are alive. A worker
// with leases is seen by its leases and has no such row.
const workerPrefix = "_worker/"

func workerKey(workerID string) string { return workerPrefix + workerID }

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
	if err := m.announce(ctx); err != nil && !errors.Is(err, ErrTableMissing) {
		return m.cfg.SyncInterval, err
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
	m.observe(rows, time.Now())
	if shards == nil {
		m.mu.Unlock()
		return m.cfg.SyncInterval, nil
	}
	v := m.view(shards, time.Now())
	p := v.decide()
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

// alive reports whether an owner or worker that wrote this row is to be respected.
func (m *Manager) alive(o observation, now time.Time) bool { return now.Sub(o.since) < m.cfg.Duration }

// view is the distribution among the live workers of the leases that can be held.
func (m *Manager) view(shards []Shard, now time.Time) view {
	workers := map[string]bool{m.cfg.WorkerID: true}
	for key, o := range m.seen {
		if !m.alive(o, now) {
			continue
		}
		if id, ok := strings.CutPrefix(key, workerPrefix); ok {
			workers[id] = true
		} else if o.row.Owner != "" && !o.row.Finished() {
			workers[o.row.Owner] = true
		}
	}
	v := view{me: m.cfg.WorkerID, workers: slices.Collect(maps.Keys(workers))}
	byID := make(map[string]bool, len(shards))
	for _, s := range shards {
		byID[s.ID] = true
	}
	for _, s := range shards {
		if m.leasable(s, byID) {
			v.leases = append(v.leases, m.leaseView(s.ID, workers, now))
		}
	}
	return v
}

// leasable is the parent gate: a shard is read when all of its parents were read to their ends, or are gone.
func (m *Manager) leasable(s Shard, listed map[string]bool) bool {
	if m.seen[s.ID].row.Finished() {
		return false
	}
	for _, parent := range s.Parents {
		if listed[parent] && !m.seen[parent].row.Finished() {
			return false
		}
	}
	return true
}

func (m *Manager) leaseView(shardID string, workers map[string]bool, now time.Time) leaseView {
	o := m.seen[shardID]
	l := leaseView{shardID: shardID, owner: o.row.Owner}
	mine := m.held[shardID]
	if mine != nil {
		l.owner, l.leaving = m.cfg.WorkerID, mine.leaving()
	} else if l.owner == m.cfg.WorkerID && !o.vanished || !m.alive(o, now) {
		l.owner = ""
	}
	if workers[o.row.Claim] && (l.owner != "" || m.alive(o, now)) { // nobody waits for a claimant that does not come
		l.claim = o.row.Claim
	}
	return l
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

func (m *Manager) claim(ctx context.Context, shardIDs []string) {
	for _, shardID := range shardIDs {
		m.mu.Lock()
		row := m.seen[shardID].row
		m.mu.Unlock()
		callCtx, cancel := context.WithTimeout(ctx, m.cfg.callTimeout())
		err := m.table.Claim(callCtx, row, m.cfg.WorkerID)
		cancel()
		entry := m.log.WithFields(logrus.Fields{"shard_id": shardID, "owner": row.Owner, "lease_counter": row.Counter})
		if err != nil { // refused or unknown: the next look tells
			entry.WithError(err).Debug("lease not claimed")
			continue
		}
		entry.Info("lease claimed")
	}
}

// answer grants and refuses claims on held leases.
func (m *Manager) answer(ctx context.Context, p plan) {
	for _, shardID := range p.grant {
		if l, claimant := m.claimed(shardID); l != nil {
			l.log.WithField("to", claimant).Debug("claim granted")
			l.askToLeave(claimant)
		}
	}
	for _, shardID := range p.refuse {
		if l, claimant := m.claimed(shardID); l != nil {
			err := l.refuse(ctx)
			l.log.WithField("from", claimant).WithError(err).Debug("claim refused")
		}
	}
}

func (m *Manager) claimed(shardID string) (*Lease, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[shardID], m.seen[shardID].row.Claim
}

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
	ctx, cancel := context.WithTimeout(ctx, m.cfg.callTimeout())
	defer cancel()
	err := m.table.Delete(ctx, m.presence)
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrTableMissing) {
		m.presence = Row{ShardID: m.presence.ShardID}
		return nil
	}
	return err
}

// cleanUp deletes the rows of shards that have been absent from complete listings for two lease durations, and of
// workers that are long dead. A shard that is gone unfinished is data lost to retention: it is said once, loudly.
func (m *Manager) cleanUp(ctx context.Context, shards []Shard, listed time.Time) {
	now, grace := time.Now(), 2*m.cfg.Duration
	for _, o := range m.deletable(shards, listed, now, grace) {
		callCtx, cancel := context.WithTimeout(ctx, m.cfg.callTimeout())
		err := m.table.Delete(callCtx, o.row)
		cancel()
		entry := m.log.WithFields(logrus.Fields{"shard_id": o.row.ShardID, "checkpoint": o.row.Checkpoint})
		switch {
		case err != nil:
			entry.WithError(err).Debug("lease row not deleted")
		case strings.HasPrefix(o.row.ShardID, workerPrefix):
			entry.Debug("row of a dead worker deleted")
		case o.row.Finished():
			entry.Info("lease row of a finished shard that is gone deleted")
		default:
			m.metrics.shardsLost.Inc()
			entry.Error("shard is gone before it was read to its end: records are lost to the stream's retention")
		}
	}
}

func (m *Manager) deletable(shards []Shard, listed, now time.Time, grace time.Duration) (rows []observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	isListed := make(map[string]bool, len(shards))
	for _, s := range shards {
		isListed[s.ID] = true
	}
	for key, o := range m.seen {
		owned := o.row.Owner != "" && m.alive(o, now)
		switch {
		case key == m.presence.ShardID || isListed[key] || owned || m.held[key] != nil:
			delete(m.gone, key)
		case strings.HasPrefix(key, workerPrefix):
			if now.Sub(o.since) > grace {
				rows = append(rows, o)
			}
		case m.gone[key].IsZero():
			m.gone[key] = now
		case listed.Sub(m.gone[key]) > grace: // a complete listing from well after it was first missed
			rows = append(rows, o)
		}
	}
	return rows
}
