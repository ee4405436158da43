package put

import (
	"maps"
	"time"
)

// Stats of a sender so far. Records are events, however many of them share a container.
type Stats struct {
	Records            uint64            // acknowledged
	Bytes              uint64            // of their events
	PerShard           map[string]uint64 // acknowledged, by the shard they are in
	Calls              uint64            // PutRecords and PutRecord calls made
	FailedCalls        uint64            // of those, as a whole
	Resent             uint64            // times that a record was sent again
	Throttled          uint64            // times that a record was refused for a throughput limit
	PossibleDuplicates uint64            // records with an attempt of unknown outcome before another attempt
	Spilled            uint64            // given up, and handed to the spill
	Lost               uint64            // given up, and refused by the spill
	Slowest            time.Duration     // the longest from a record's birth to its acknowledgement

	Unsent   int           // accepted, neither acknowledged nor spilled
	InFlight int           // of those, in a call right now
	Oldest   time.Duration // age of the oldest unsent record; 0 if there is none
}

// Stats may be called at any time, by anybody.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.PerShard = maps.Clone(s.stats.PerShard)
	stats.Unsent = s.unsent
	for f := range s.flights {
		for _, u := range f.units {
			stats.InFlight += len(u.records)
		}
	}
	if born := s.oldest(); !born.IsZero() {
		stats.Oldest = max(0, time.Since(born))
	}
	return stats
}

// oldest returns when the oldest unsent record was born; the zero time if there is none.
func (s *Sender) oldest() time.Time {
	born := s.batch.oldest
	for f := range s.flights {
		born = earlier(born, f.oldest)
	}
	for _, to := range s.shards {
		if len(to.queue) > 0 {
			born = earlier(born, to.queue[0].born())
		}
		if to.open != nil && len(to.open.records) > 0 {
			born = earlier(born, to.open.records[0].Born)
		}
	}
	return born
}
