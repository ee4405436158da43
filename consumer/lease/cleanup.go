package lease

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// cleaner deletes the rows of shards that the stream lists no more, and of workers that are long dead. The first member does
// so, by a Scan now and then. Its methods are called by one goroutine at a time.
type cleaner struct {
	cfg      Config
	table    Table
	lost     prometheus.Counter
	log      *logrus.Entry
	next     time.Time
	absent   map[string]time.Time           // rows whose shards are not listed, since when
	workers  map[string]sighting[workerRow] // workers that are no members, by key
	reported map[string]bool                // shards whose loss was reported
}

func newCleaner(cfg Config, table Table, lost prometheus.Counter, log *logrus.Entry) *cleaner {
	return &cleaner{cfg: cfg, table: table, lost: lost, log: log,
		absent: map[string]time.Time{}, workers: map[string]sighting[workerRow]{}, reported: map[string]bool{}}
}

// cleanEvery is how often the table is cleaned up, in lease durations.
const cleanEvery = 12

// clean looks at the whole table each 12 lease durations. It stops at the first row for which the table does not answer; the
// next time finds the rest.
func (c *cleaner) clean(ctx context.Context, m *membership, l listing) {
	for key := range c.absent {
		if l.has(key) {
			delete(c.absent, key)
		}
	}
	now := time.Now()
	if now.Before(c.next) || l.shards == nil || len(m.ids) == 0 || m.ids[0] != m.me.id {
		return
	}
	c.next = now.Add(cleanEvery * c.cfg.Duration)
	items, err := c.table.Scan(ctx)
	if err != nil {
		c.log.WithError(err).Debug("lease table not cleaned up")
		return
	}
	for key, conditions := range c.deletable(items, m.ids, l, time.Now()) {
		err := c.table.Delete(ctx, key, conditions...)
		log := c.log.WithField("row", key)
		if err == nil {
			log.Info("lease row deleted, its shard or worker is gone")
			continue
		}
		log.WithError(err).Debug("lease row not deleted, its shard or worker is gone")
		if !errors.Is(err, ErrRefused) {
			return
		}
	}
}

// deletable returns the rows to delete, and on which condition: of shards that have been absent from complete listings since the
// last time, and of workers that are no members and have not changed since then.
func (c *cleaner) deletable(items []Item, members []string, l listing, now time.Time) map[string][]Condition {
	rows := map[string][]Condition{}
	absent, workers := map[string]time.Time{}, map[string]sighting[workerRow]{}
	keep := map[string]bool{}
	for _, id := range members {
		keep[workerPrefix+id] = true
	}
	for _, item := range items {
		if owner := item.text(attrOwner); owner != "" && l.has(item.key()) {
			keep[workerPrefix+owner] = true // its row says that it is dead
		}
	}
	for _, item := range items {
		key := item.key()
		row, worker := decodeWorker(key, item)
		before, seen := c.workers[key]
		switch {
		case worker && !keep[key] && seen && before.row.Heartbeat == row.Heartbeat:
			rows[key] = []Condition{equals(attrBeat, int64(row.Heartbeat))}
		case worker && !keep[key]:
			workers[key] = sighting[workerRow]{row: row, there: true, since: now}
		case !isShard(key) || l.has(key):
		case c.absent[key].IsZero():
			absent[key] = now
		case l.began.After(c.absent[key]): // a complete listing, made well after the shard was first missed
			row := decodeRow(key, item)
			rows[key] = row.unchanged()
			c.report(row)
		default:
			absent[key] = c.absent[key]
		}
	}
	c.absent, c.workers = absent, workers
	return rows
}

// report reports a shard that was not read to its end, once. That comes before the deletion, whose answer may be lost.
func (c *cleaner) report(row Row) {
	if row.Finished() || c.reported[row.ShardID] {
		return
	}
	c.reported[row.ShardID] = true
	c.lost.Inc()
	c.log.WithFields(logrus.Fields{"shard_id": row.ShardID, "checkpoint": row.Checkpoint}).
		Error("shard is gone before it was read to its end: records are lost to the stream's retention")
}
