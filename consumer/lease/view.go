package lease

import (
	"maps"
	"slices"
	"strings"
	"time"
)

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
	m.markOverdue(v.leases, now)
	return v
}

// markOverdue dates the free leases: whoever has room for one takes it at its next look, or the one after.
func (m *Manager) markOverdue(leases []leaseView, now time.Time) {
	before := m.free
	m.free = map[string]time.Time{}
	for i, l := range leases {
		if l.owner != "" {
			continue
		}
		since, known := before[l.shardID]
		if !known {
			since = now
		}
		m.free[l.shardID] = since
		leases[i].overdue = now.Sub(since) > 2*m.cfg.restInterval()
	}
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
