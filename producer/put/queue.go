package put

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Full-jitter backoff: after the n-th failure in a row a shard gets nothing for a random time below
// firstBackoff * 2^(n-1), at most longestBackoff.
const (
	firstBackoff   = 50 * time.Millisecond
	longestBackoff = 5 * time.Second
)

// queue has the entries that wait for one shard. It keeps to the shard's limits and backs off when the shard fails.
type queue struct {
	shardID   string
	entries   []*entry  // oldest first; failed ones come back to the front
	inBacklog bool      // among the waiting queues of the backlog
	notBefore time.Time // no entry is sent before: the queue backs off, or a limit is used up
	failures  int       // in a row, each followed by a backoff
	unsent    int       // records, also those in a batch or a call

	// The standstill of the shard.
	waitsSince time.Time // since then it has had records to take, and has taken none; zero: it takes them
	trouble    Reason    // why the last of its records to fail was not put; empty: none failed since waitsSince
	lastError  string
	records    bucket
	bytes      bucket

	// Strict order only.
	inCall bool    // an entry is in a call
	last   *string // sequence number of the last record put
}

func newQueue(shardID string, cfg Config) *queue {
	return &queue{shardID: shardID, records: newBucket(cfg.ShardRecords), bytes: newBucket(cfg.ShardBytes)}
}

// head returns the oldest entry if it may be sent now, and leaves it in the queue.
func (q *queue) head(now time.Time) *entry {
	if len(q.entries) == 0 || q.inCall || now.Before(q.notBefore) {
		return nil
	}
	return q.entries[0]
}

// pop removes the head from the queue. It reports false, and removes nothing, if a limit of the shard is used up.
func (q *queue) pop(now time.Time) bool {
	if wait := max(q.records.wait(now), q.bytes.wait(now)); wait > 0 {
		q.notBefore = now.Add(wait)
		return false
	}
	q.records.spend(1)
	q.bytes.spend(q.entries[0].bytes())
	q.entries[0] = nil
	q.entries = q.entries[1:]
	return true
}

// acknowledged ends the backoff, and keeps the sequence number for the next record in strict order. It reports false if
// the entry came out on another shard.
func (q *queue) acknowledged(result types.PutRecordsResultEntry, now time.Time) bool {
	q.failures, q.last = 0, result.SequenceNumber
	q.waitsSince, q.trouble, q.lastError = time.Time{}, "", ""
	if len(q.entries) > 0 {
		q.waitsSince = now
	}
	if result.ShardId == nil || *result.ShardId != q.shardID {
		q.last = nil // a sequence number orders within its own shard only
		return false
	}
	return true
}

// waits notes that the shard has records to take.
func (q *queue) waits(now time.Time) {
	if q.waitsSince.IsZero() {
		q.waitsSince = now
	}
}

// putBack returns failed entries to the front of the queue, in their order, and backs off if it is the shard that failed.
// Calls that were in flight at the same time count as one failure.
func (q *queue) putBack(failed []*entry, backOff bool, now time.Time) {
	q.entries = slices.Concat(failed, q.entries)
	q.waits(now)
	if !backOff || (q.failures > 0 && now.Before(q.notBefore)) {
		return
	}
	q.notBefore = now.Add(rand.N(min(longestBackoff, firstBackoff<<min(q.failures, 10))))
	q.failures++
}

// expired returns the entries at the front that were created at or before limit. While an entry is in a call in strict
// order there are none: no other may overtake it, not even into the spill.
func (q *queue) expired(limit time.Time) []*entry {
	n := 0
	for !q.inCall && n < len(q.entries) && !q.entries[n].created().After(limit) {
		n++
	}
	return q.entries[:n:n]
}
