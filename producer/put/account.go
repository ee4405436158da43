package put

import (
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The sender holds no more unsent than this; Put blocks then.
const (
	maxUnsent      = 20_000
	maxUnsentBytes = 64 << 20
)

// Stats of a sender so far. Records are events, also where many of them share a container.
type Stats struct {
	Records            uint64            // acknowledged
	Bytes              uint64            // of their events
	PerShard           map[string]uint64 // acknowledged, by the shard that they are in
	Calls              uint64            // PutRecords and PutRecord calls made
	FailedCalls        uint64            // of those, failed as a whole
	Resent             uint64            // times that a record was sent again
	Throttled          uint64            // times that a record was refused because of a throughput limit
	PossibleDuplicates uint64            // records that had an attempt with unknown outcome
	Spilled            uint64            // given up and spilled
	Lost               uint64            // given up, and the spill could not be written
	Refused            uint64            // put aside: the stream does not take them
	Slowest            time.Duration     // longest time from a record's creation to its acknowledgement
	LastAcknowledged   time.Time         // zero: none was

	Unsent   int           // accepted, and neither acknowledged nor given up
	InFlight int           // of those, in a call right now
	Oldest   time.Duration // age of the oldest unsent record; 0: there is none
	Standstill
}

// account counts what is unsent, and everything that Stats tells.
type account struct {
	blockAfter  time.Duration
	stats       Stats // all but the age of the oldest record
	unsentBytes int
	oldest      time.Time // with blockAfter: when the oldest unsent record was created, as Run saw it last; zero: there is none
}

func newAccount(cfg Config) account {
	return account{blockAfter: cfg.BlockAfter, stats: Stats{PerShard: map[string]uint64{}}}
}

// full reports whether too much is unsent, or one record for too long.
func (a *account) full() bool {
	stalled := a.blockAfter > 0 && !a.oldest.IsZero() && time.Since(a.oldest) > a.blockAfter
	return stalled || a.stats.Unsent >= maxUnsent || a.unsentBytes >= maxUnsentBytes
}

func (a *account) accepted(r Record) {
	a.stats.Unsent++
	a.unsentBytes += len(r.Event.JSON)
}

func (a *account) called(c *call) {
	a.stats.Calls++
	for _, e := range c.entries {
		a.stats.InFlight += len(e.records)
		if e.attempts > 1 {
			a.stats.Resent += uint64(len(e.records))
		}
	}
}

// answered counts the outcomes of a call.
func (a *account) answered(c *call, now time.Time) {
	if c.err != nil {
		a.stats.FailedCalls++
	}
	for i, e := range c.entries {
		records := uint64(len(e.records))
		a.stats.InFlight -= len(e.records)
		if c.done(i) {
			a.acknowledged(e, aws.ToString(c.results[i].ShardId), now)
			continue
		}
		if isThrottling(aws.ToString(c.results[i].ErrorCode)) {
			a.stats.Throttled += records
		}
		if c.outcome == unknown && e.unknown == 1 {
			a.stats.PossibleDuplicates += records
		}
	}
}

func (a *account) acknowledged(e *entry, shardID string, now time.Time) {
	bytes := a.settled(e)
	a.stats.Records += uint64(len(e.records))
	a.stats.Bytes += uint64(bytes)
	a.stats.PerShard[shardID] += uint64(len(e.records))
	a.stats.LastAcknowledged = now
	a.stats.Slowest = max(a.stats.Slowest, now.Sub(e.created()))
}

// settled counts an entry that is not unsent any more. It returns the size of its events.
func (a *account) settled(e *entry) (bytes int) {
	bytes = e.eventBytes()
	a.stats.Unsent -= len(e.records)
	a.unsentBytes -= bytes
	if e.queue != nil {
		e.queue.unsent -= len(e.records)
	}
	return bytes
}

// givenUp counts entries that went to the spill, or were lost with it.
func (a *account) givenUp(entries []*entry, spilled bool) {
	for _, e := range entries {
		a.settled(e)
		if spilled {
			a.stats.Spilled += uint64(len(e.records))
		} else {
			a.stats.Lost += uint64(len(e.records))
		}
	}
}

// putAside counts an entry that was put aside.
func (a *account) putAside(e *entry) {
	a.settled(e)
	a.stats.Refused += uint64(len(e.records))
}

// snapshot returns a copy of the stats; oldest is when the oldest unsent record was created, zero if there is none.
func (a *account) snapshot(oldest time.Time) Stats {
	stats := a.stats
	stats.PerShard = maps.Clone(stats.PerShard)
	if !oldest.IsZero() {
		stats.Oldest = max(0, time.Since(oldest))
	}
	return stats
}
