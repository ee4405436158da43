package put

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Full-jitter backoff: after the n-th failure in a row a shard waits a random time below
// firstBackoff * 2^(n-1), at most longestBackoff.
const (
	firstBackoff   = 50 * time.Millisecond
	longestBackoff = 5 * time.Second
)

// shard is the queue to one shard, with its limits. The sender's goroutine alone uses it.
type shard struct {
	id        string
	queue     []*unit   // oldest first; what failed goes back to its front
	notBefore time.Time // nothing of the queue is sent before: backing off, or out of tokens
	failures  int       // in a row, each followed by a backoff
	records   bucket
	bytes     bucket
	open      *container // being filled; nil without aggregation
	inBacklog bool

	// Strict order only.
	busy bool    // a PutRecord is in flight
	last *string // sequence number of the last record put
}

func newShard(id string, cfg Config) *shard {
	return &shard{id: id, records: newBucket(cfg.ShardRecords), bytes: newBucket(cfg.ShardBytes)}
}

// head returns the oldest unit if it may be sent now; the queue keeps it.
func (s *shard) head(now time.Time) *unit {
	if len(s.queue) == 0 || s.busy || now.Before(s.notBefore) {
		return nil
	}
	return s.queue[0]
}

// take removes the head from the queue, if there are tokens for it.
func (s *shard) take(now time.Time) bool {
	if wait := max(s.records.wait(now), s.bytes.wait(now)); wait > 0 {
		s.notBefore = now.Add(wait)
		return false
	}
	s.records.take(1)
	s.bytes.take(s.queue[0].bytes())
	s.queue[0] = nil
	s.queue = s.queue[1:]
	return true
}

// putBack returns failed units to the front of the queue, in their order, and lets the shard back off. Calls that
// were in flight together and fail together make one failure.
func (s *shard) putBack(failed []*unit, now time.Time) {
	s.queue = slices.Concat(failed, s.queue)
	if s.failures > 0 && now.Before(s.notBefore) {
		return
	}
	s.notBefore = now.Add(rand.N(min(longestBackoff, firstBackoff<<min(s.failures, 10))))
	s.failures++
}

// expired removes the units at the front of the queue that were born at or before limit.
func (s *shard) expired(limit time.Time) []*unit {
	n := 0
	for n < len(s.queue) && !s.queue[n].born().After(limit) {
		n++
	}
	gone := s.queue[:n:n]
	s.queue = s.queue[n:]
	return gone
}
