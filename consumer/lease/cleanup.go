package lease

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// cleanUp deletes the rows of shards that have been absent from complete listings for two lease durations, and of
// workers that are long dead. If the table does not answer, the rest comes after the next look.
func (m *Manager) cleanUp(ctx context.Context, shards []Shard, listed time.Time) {
	now, grace := time.Now(), 2*m.cfg.Duration
	for _, o := range m.deletable(shards, listed, now, grace) {
		entry := m.log.WithFields(logrus.Fields{"shard_id": o.row.ShardID, "checkpoint": o.row.Checkpoint})
		if !o.row.Finished() && !strings.HasPrefix(o.row.ShardID, workerPrefix) {
			m.sayLost(o.row.ShardID, entry)
		}
		callCtx, cancel := m.call(ctx)
		err := m.table.Delete(callCtx, o.row)
		cancel()
		if err != nil {
			entry.WithError(err).Debug("lease row not deleted")
		} else {
			entry.Info("lease row of a shard or worker that is gone deleted")
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			return
		}
	}
}

// sayLost reports data lost to retention, once and loudly: before the row is deleted, since the answer to that may be
// lost. Workers that find it at the same time all say it.
func (m *Manager) sayLost(shardID string, entry *logrus.Entry) {
	if m.lost[shardID] {
		return
	}
	m.lost[shardID] = true
	m.metrics.shardsLost.Inc()
	entry.Error("shard is gone before it was read to its end: records are lost to the stream's retention")
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
