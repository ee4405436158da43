package lease

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// view is the distribution among the live workers of the leases that can be held.
func (s *sightings) view(shards []Shard, held holding, now time.Time) view {
	workers := s.liveWorkers(now)
	v := view{me: s.cfg.WorkerID, workers: slices.Collect(maps.Keys(workers))}
	listed := idsOf(shards)
	for _, shard := range shards {
		if s.leasable(shard, listed) {
			v.leases = append(v.leases, s.leaseView(shard.ID, workers, held, now))
		}
	}
	s.markPassedOver(v.leases, now)
	return v
}

// liveWorkers are this worker, those that own a lease that has not expired, and those that show that they are alive.
func (s *sightings) liveWorkers(now time.Time) map[string]bool {
	workers := map[string]bool{s.cfg.WorkerID: true}
	for key, o := range s.rows {
		if s.expired(key, now) {
			continue
		}
		if id, ok := strings.CutPrefix(key, workerPrefix); ok {
			workers[id] = true
		} else if o.row.Owner != "" && !o.row.Finished() {
			workers[o.row.Owner] = true
		}
	}
	return workers
}

// leasable is the parent gate. A shard is read when each of its parents was read to its end, or is listed no more.
func (s *sightings) leasable(shard Shard, listed map[string]bool) bool {
	return !s.finished(shard.ID) && !slices.ContainsFunc(shard.Parents, func(parent string) bool {
		return listed[parent] && !s.finished(parent)
	})
}

func (s *sightings) leaseView(shardID string, workers map[string]bool, held holding, now time.Time) leaseView {
	o := s.rows[shardID]
	l := leaseView{shardID: shardID, owner: o.row.Owner}
	expired := s.expired(shardID, now)
	switch {
	case held.has(shardID):
		l.owner, l.draining = s.cfg.WorkerID, held[shardID]
	case expired, l.owner == s.cfg.WorkerID && !o.deleted:
		l.owner = ""
	}
	if workers[o.row.Claim] && (l.owner != "" || !expired) { // nobody waits for a claimant that does not come
		l.claim = o.row.Claim
	}
	return l
}

// markPassedOver marks the leases that have been free for more than two rest intervals. In that time every worker with
// room for them has looked at the table and could have acquired them.
func (s *sightings) markPassedOver(leases []leaseView, now time.Time) {
	before := s.freeSince
	s.freeSince = map[string]time.Time{}
	for i, l := range leases {
		if l.owner != "" {
			continue
		}
		since, known := before[l.shardID]
		if !known {
			since = now
		}
		s.freeSince[l.shardID] = since
		leases[i].passedOver = now.Sub(since) > 2*s.cfg.restInterval()
	}
}

// atRest reports whether no lease moves or is about to, so that the next look at the table may wait.
func (s *sightings) atRest(v view, p plan, held holding, now time.Time) bool {
	if len(p.acquire)+len(p.claim)+len(p.grant) > 0 {
		return false
	}
	return !slices.ContainsFunc(v.leases, func(l leaseView) bool {
		expiring := !held.has(l.shardID) && now.Sub(s.rows[l.shardID].since) > s.rows[l.shardID].row.lifetime(s.cfg.Duration)*3/4
		return l.owner == "" || l.claim != "" || l.draining || expiring
	})
}

func idsOf(shards []Shard) map[string]bool {
	ids := make(map[string]bool, len(shards))
	for _, s := range shards {
		ids[s.ID] = true
	}
	return ids
}
