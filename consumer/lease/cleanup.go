package lease

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// cleaner deletes the rows of shards that the stream lists no more, and of workers that are long dead. Its methods are
// called by one goroutine at a time.
type cleaner struct {
	cfg      Config
	table    Table
	lost     prometheus.Counter
	log      *logrus.Entry
	absent   map[string]time.Time // rows whose shards are not listed, since when
	reported map[string]bool      // shards whose loss was reported
}

func newCleaner(cfg Config, table Table, lost prometheus.Counter, log *logrus.Entry) *cleaner {
	return &cleaner{cfg: cfg, table: table, lost: lost, log: log,
		absent: map[string]time.Time{}, reported: map[string]bool{}}
}

// deletable returns the rows of shards that have been absent from complete listings for two lease durations, and of
// workers that have been silent for as long. listed is when the shards were listed.
func (c *cleaner) deletable(s *sightings, held holding, shards []Shard, listed, now time.Time) (rows []Row) {
	isListed, grace := idsOf(shards), 2*c.cfg.Duration
	for key, o := range s.rows {
		owned := o.row.Owner != "" && !s.expired(key, now)
		switch {
		case key == workerPrefix+c.cfg.WorkerID || isListed[key] || owned || held.has(key):
			delete(c.absent, key)
		case strings.HasPrefix(key, workerPrefix):
			if now.Sub(o.since) > 2*o.row.lifetime(c.cfg.Duration) {
				rows = append(rows, o.row)
			}
		case c.absent[key].IsZero():
			c.absent[key] = now
		case listed.Sub(c.absent[key]) > grace: // a complete listing, made well after the shard was first missed
			rows = append(rows, o.row)
		}
	}
	return rows
}

// delete deletes rows. It stops at the first row for which the table does not answer; the next look finds the rest.
func (c *cleaner) delete(ctx context.Context, rows []Row) {
	for _, row := range rows {
		log := c.log.WithFields(logrus.Fields{"shard_id": row.ShardID, "checkpoint": row.Checkpoint})
		if !row.Finished() && !strings.HasPrefix(row.ShardID, workerPrefix) {
			c.reportLost(row.ShardID, log)
		}
		err := c.table.Delete(ctx, row)
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

// reportLost reports a shard that was not read to its end, once. That comes before the deletion, whose answer may be
// lost. If several workers find the shard at the same time, each of them reports it.
func (c *cleaner) reportLost(shardID string, log *logrus.Entry) {
	if c.reported[shardID] {
		return
	}
	c.reported[shardID] = true
	c.lost.Inc()
	log.Error("shard is gone before it was read to its end: records are lost to the stream's retention")
}
