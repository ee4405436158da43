package lease

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// sightings is what one worker has seen of the table, and when. Rows are dated on the worker's own monotonic clock:
// expiry goes by these dates and by nothing else. Not safe for concurrent use.
type sightings struct {
	cfg       Config
	rows      map[string]sighting  // as of the last look, and own writes since
	freeSince map[string]time.Time // leases that were free in the last view
}

// sighting is a row in the version in which it was last seen.
type sighting struct {
	row     Row
	since   time.Time // when this worker first saw this version
	deleted bool      // the row is gone from the table; since is when that was first seen
}

// holding is which leases this worker holds; the value is whether the lease is draining.
type holding map[string]bool

func (h holding) has(shardID string) bool {
	_, held := h[shardID]
	return held
}

func newSightings(cfg Config) *sightings { return &sightings{cfg: cfg, rows: map[string]sighting{}} }

// row returns the row as last seen; only the name is set if there was none.
func (s *sightings) row(key string) Row {
	row := s.rows[key].row
	row.ShardID = key
	return row
}

// finished reports whether the shard was seen to be read to its end.
func (s *sightings) finished(shardID string) bool { return s.rows[shardID].row.Finished() }

// expired reports whether nobody has written the row for its owner's lease duration: the owner is not respected any more.
func (s *sightings) expired(key string, now time.Time) bool {
	o := s.rows[key]
	return now.Sub(o.since) >= o.row.lifetime(s.cfg.Duration)
}

// lifetime is how long the row's worker is respected after its last write: as long as that worker relies on it. A worker
// that does not say, of a former version or of the stock library, is respected for as long as it would respect us.
func (r Row) lifetime(ours time.Duration) time.Duration {
	if d, err := time.ParseDuration(r.Duration); err == nil && d > 0 {
		return d
	}
	return ours
}

// wrote notes a row that this worker has just written.
func (s *sightings) wrote(row Row) { s.rows[row.ShardID] = sighting{row: row, since: time.Now()} }

// newlyFinished reports whether some worker has read a shard to its end since the last look.
func (s *sightings) newlyFinished(rows []Row) bool {
	return len(s.rows) > 0 && slices.ContainsFunc(rows, func(row Row) bool {
		return row.Finished() && !s.finished(row.ShardID)
	})
}

// claimedBy returns the rows on which a worker has a claim.
func (s *sightings) claimedBy(worker string) (rows []Row) {
	for _, o := range s.rows {
		if o.row.Claim == worker {
			rows = append(rows, o.row)
		}
	}
	return rows
}

// observe takes in what a look at the table has read. now is after the read and an owner counts from before its write,
// so the owner always stops before anybody else acquires the lease.
func (s *sightings) observe(rows []Row, held holding, now time.Time) {
	before := s.rows
	s.rows = make(map[string]sighting, len(rows))
	for _, row := range rows {
		o, known := before[row.ShardID]
		switch {
		case known && o.row.Counter > row.Counter && held.has(row.ShardID):
			// our own acquisition is younger than this read
		case known && o.row.version() == row.version():
			o.row = row // the claim may be new
			o.deleted = false
		default:
			o = sighting{row: row, since: now}
		}
		s.rows[row.ShardID] = o
	}
	for key, o := range before {
		if _, found := s.rows[key]; !found {
			s.observeAbsent(key, o, held.has(key), now)
		}
	}
}

// observeAbsent decides what a row counts for that is not in the table. If the table was deleted, the owner may not
// know it yet, and may be another than at our last look: nobody acquires the lease for a lease duration.
func (s *sightings) observeAbsent(key string, o sighting, held bool, now time.Time) {
	switch {
	case held: // acquired after the read
		s.rows[key] = o
	case strings.HasPrefix(key, workerPrefix): // that worker has a lease by now, or is gone
	default:
		if !o.deleted {
			o.deleted, o.since = true, now
			o.row.Owner = cmp.Or(o.row.Owner, "unknown")
		}
		if now.Sub(o.since) < o.row.lifetime(s.cfg.Duration) {
			s.rows[key] = o
		}
	}
}
