package lease

import "time"

// sightings is when one worker first saw rows as they are, on its own monotonic clock. Expiry goes by these dates and by
// nothing else. A row that is not there has a date, too. Not safe for concurrent use.
type sightings struct {
	workers map[string]sighting[workerRow] // by id
	shards  map[string]sighting[Row]
}

// sighting is a row in the version in which it was last seen.
type sighting[R any] struct {
	row   R
	there bool
	since time.Time // when this version was first seen; zero: never
}

func newSightings() *sightings {
	return &sightings{workers: map[string]sighting[workerRow]{}, shards: map[string]sighting[Row]{}}
}

// worker takes in a worker's row. now is after the read, and a worker counts from before its write: so it always stops
// trusting its leases before anybody fences it.
func (s *sightings) worker(id string, i Item, now time.Time) {
	row, there := decodeWorker(workerPrefix+id, i)
	seen := s.workers[id]
	same := !seen.since.IsZero() && seen.there == there && seen.row.Heartbeat == row.Heartbeat && seen.row.fenced == row.fenced
	if !same {
		seen.since = now
	}
	seen.row, seen.there = row, there
	s.workers[id] = seen
}

// shard takes in a shard's row.
func (s *sightings) shard(row Row, now time.Time) {
	seen := s.shards[row.ShardID]
	if seen.since.IsZero() || seen.row.version() != row.version() {
		seen.since = now
	}
	seen.row, seen.there = row, row.Exists()
	s.shards[row.ShardID] = seen
}

// news reports whether an answer that need not be consistent can be taken as it is: it is there, and not older than what was
// seen.
func (s *sightings) news(key string, i Item) bool {
	row, worker := decodeWorker(key, i)
	switch {
	case len(i) == 0:
		return false
	case worker:
		return row.Heartbeat >= s.workers[row.ID].row.Heartbeat
	case isShard(key):
		return i.number(attrCounter) >= s.shards[key].row.Counter
	}
	return true
}

// overdue reports whether a worker should be fenced: its heartbeat has stood for long enough.
func (s *sightings) overdue(id string, now time.Time) bool {
	seen := s.workers[id]
	return seen.there && !seen.row.fenced && now.Sub(seen.since) >= fenceAfter(seen.row.Duration)
}

// fresh reports whether a worker seems to be alive, as far as is known.
func (s *sightings) fresh(id string, now time.Time) bool {
	seen := s.workers[id]
	return seen.since.IsZero() || seen.there && !seen.row.fenced && now.Sub(seen.since) < overdueAfter(seen.row.Duration)
}

// dead reports whether a worker can hold no lease and is no member: it is fenced, or it has had no row for ours, the lease
// duration of the worker that looks.
func (s *sightings) dead(id string, ours time.Duration, now time.Time) bool {
	seen := s.workers[id]
	return seen.row.fenced || !seen.since.IsZero() && !seen.there && now.Sub(seen.since) >= ours
}

// free reports whether the lease of a shard can be acquired under the id me, as far as is known: nobody has it, or its owner is
// fenced. An owner without a row is a stock worker, or one whose row somebody has deleted. It is respected as long as its
// shard's row changes, and for its lease duration from then on.
func (s *sightings) free(shardID, me string, ours time.Duration, now time.Time) bool {
	seen := s.shards[shardID]
	owner := s.workers[seen.row.Owner]
	switch {
	case seen.since.IsZero():
		return false
	case seen.row.Owner == "" || seen.row.Owner == me || owner.row.fenced:
		return true
	case owner.since.IsZero() || owner.there:
		return false
	}
	standing := min(now.Sub(seen.since), now.Sub(owner.since))
	return standing >= seen.row.lifetime(ours)
}

// forget drops all rows but those that are still asked for: a date must not outlive the watch over its row.
func (s *sightings) forget(keep map[string]bool) {
	for id := range s.workers {
		if !keep[workerPrefix+id] {
			delete(s.workers, id)
		}
	}
	for id := range s.shards {
		if !keep[id] {
			delete(s.shards, id)
		}
	}
}
