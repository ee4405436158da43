package put

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/shared/event"
)

// Why records are given up.
const (
	reasonTTL     = "record TTL"
	reasonStopped = "sender stopped"
)

// settle takes the answer of a call, entry by entry.
func (s *Sender) settle(f *flight, now time.Time) {
	delete(s.flights, f)
	verdict := refused
	if f.err != nil {
		verdict = classify(f.err)
		s.stats.FailedCalls++
		f.results = make([]types.PutRecordsResultEntry, len(f.units))
		for i := range f.results {
			f.results[i].ErrorCode = aws.String(codeOf(f.err))
		}
	}
	var done []ledger.Entry
	failed := map[*shard][]*unit{}
	for i, u := range f.units {
		u.shard.busy = false
		if result := f.results[i]; result.ErrorCode != nil || result.SequenceNumber == nil {
			s.countFailure(u, aws.ToString(result.ErrorCode), verdict)
			failed[u.shard] = append(failed[u.shard], u)
		} else {
			done = s.acknowledged(done, u, result, now)
		}
	}
	s.record(done) // first of all: what is acknowledged and not in the ledger would be missing after a SIGKILL
	s.resend(f, failed, now)
	if verdict == hopeless {
		s.abandon(fmt.Errorf("put records: %w", f.err))
	}
}

func (s *Sender) acknowledged(done []ledger.Entry, u *unit, result types.PutRecordsResultEntry, now time.Time) []ledger.Entry {
	shardID := aws.ToString(result.ShardId)
	for _, r := range u.records {
		done = append(done, ledger.Entry{CallID: r.Event.CallID, ShardID: shardID, SequenceNumber: *result.SequenceNumber, Unknown: u.unknown})
		s.unsentBytes -= len(r.Event.JSON)
		s.stats.Bytes += uint64(len(r.Event.JSON))
	}
	s.unsent -= len(u.records)
	s.stats.Slowest = max(s.stats.Slowest, now.Sub(u.born()))
	s.stats.Records += uint64(len(u.records))
	s.stats.PerShard[shardID] += uint64(len(u.records))
	u.shard.failures, u.shard.last = 0, result.SequenceNumber
	if shardID != u.shard.id {
		u.shard.last = nil // a sequence number orders within its own shard only
		s.misrouted(u.mapVersion)
	}
	return done
}

func (s *Sender) countFailure(u *unit, code string, verdict outcome) {
	if isThrottling(code) {
		s.stats.Throttled += uint64(len(u.records))
	}
	if verdict != unknown {
		return
	}
	if u.unknown++; u.unknown == 1 {
		s.stats.PossibleDuplicates += uint64(len(u.records))
	}
}

// resend puts failed units back where they came from; if nothing more is sent, it gives them up.
func (s *Sender) resend(f *flight, failed map[*shard][]*unit, now time.Time) {
	if len(failed) == 0 {
		return
	}
	units := 0
	for to, back := range failed {
		units += len(back)
		if s.fatal != nil {
			s.giveUp(back, reasonStopped)
			continue
		}
		to.putBack(back, now)
		s.enqueue(to)
	}
	if now.Sub(s.lastWarning) < time.Second { // throttling fails many calls a second
		return
	}
	s.lastWarning = now
	entry := s.log.WithFields(logrus.Fields{"records": units, "of": len(f.units), "shards": len(failed)})
	for i := range f.results {
		if f.results[i].ErrorCode != nil {
			entry = entry.WithField("error_code", *f.results[i].ErrorCode)
			break
		}
	}
	if f.err != nil {
		entry = entry.WithError(f.err)
	}
	entry.Warn("records not put")
}

// record enters what was acknowledged into the ledger.
func (s *Sender) record(done []ledger.Entry) {
	if len(done) == 0 || s.ledger == nil {
		return
	}
	if err := s.ledger.Append(done); err != nil {
		s.abandon(fmt.Errorf("append to ledger: %w", err))
	}
}

// expire gives up what is older than the record TTL.
func (s *Sender) expire(now time.Time) {
	if s.cfg.RecordTTL == 0 {
		return
	}
	for _, to := range s.backlog {
		if to.busy {
			continue // in strict order nothing overtakes the record in flight, not even into the spill
		}
		s.giveUp(to.expired(now.Add(-s.cfg.RecordTTL)), reasonTTL)
	}
	s.dropEmpty()
}

// abandon gives up everything that is not in a call; calls in flight are still waited for. Only the first reason
// counts.
func (s *Sender) abandon(reason error) {
	if s.fatal != nil {
		return
	}
	s.fatal = reason
	s.spillAll()
}

// spillAll gives up everything that is not in a call.
func (s *Sender) spillAll() {
	all := s.batch.units
	s.batch, s.closeAt = batch{}, time.Time{}
	for _, to := range s.shards {
		all = append(all, to.queue...)
		to.queue = nil
		if to.open != nil {
			all = append(all, to.open.close(to)...)
		}
	}
	s.giveUp(all, reasonStopped)
	s.dropEmpty()
}

func (s *Sender) giveUp(units []*unit, reason string) {
	if len(units) == 0 {
		return
	}
	var events []event.Event
	for _, u := range units {
		for _, r := range u.records {
			events = append(events, r.Event)
			s.unsentBytes -= len(r.Event.JSON)
		}
	}
	s.unsent -= len(events)
	entry := s.log.WithFields(logrus.Fields{"records": len(events), "reason": reason})
	if err := s.spill.Write(events); err != nil {
		s.stats.Lost += uint64(len(events))
		entry.WithError(err).Error("records lost: neither put nor spilled")
		return
	}
	s.stats.Spilled += uint64(len(events))
	entry.Warn("records spilled")
}
