package put

import (
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/event"
)

// spillPause is the time between two attempts to write a spill that cannot be written.
const spillPause = 5 * time.Second

// Why records are given up.
const (
	reasonTTL     = "record TTL"
	reasonStopped = "sender stopped"
	reasonRefused = "refused, and not put aside"
)

// answered handles the answer of a call, entry by entry.
func (s *Sender) answered(c *call) {
	// The ledger comes first. After a crash before this line the acknowledged records are in the stream and not in the
	// ledger. After it they are in both.
	err := s.record(c)
	now := time.Now()
	s.calls.remove(c)
	s.account.answered(c, now)
	for i, e := range c.entries {
		e.queue.inCall = false
		if !c.done(i) {
			e.queue.trouble, e.queue.lastError = c.reason(i), c.message(i)
			continue
		}
		if !e.queue.acknowledged(c.results[i], now) {
			s.misrouted(e.mapVersion)
		}
		if err == nil {
			s.settle(e)
		}
	}
	// The other entries go back to the front of their queues. A crash loses them, unless the outcome of the call is
	// unknown: then they may be in the stream.
	if failed := s.takeAside(c); len(failed) > 0 {
		s.warn(c, len(failed), s.backlog.putBack(failed, c.outcome != invalid, now), now)
	}
	switch neverPut := s.account.stats.Records == 0; {
	case c.outcome == denied && neverPut: // the start is wrong; later it is a standstill, until a person mends it
		err = fmt.Errorf("put records: no permission, the credentials in use need kinesis:PutRecords (with --strict-order "+
			"kinesis:PutRecord), and kms:GenerateDataKey on the key of an encrypted stream: %w", c.err)
	case c.outcome == hopeless:
		err = fmt.Errorf("put records: %w", c.err)
	case s.refusals >= maxRefusals:
		err = fmt.Errorf("put records: Kinesis has refused %d of them in a row, each for itself: %s", s.refusals, c.message(0))
	}
	if err != nil || s.failure != nil {
		s.abandon(err)
	}
}

// record enters the acknowledged records into the ledger.
func (s *Sender) record(c *call) error {
	if s.files.Ledger == nil {
		return nil
	}
	lines := c.lines()
	if len(lines) == 0 {
		return nil
	}
	if err := s.onDisk(LedgerFailing, func() error { return s.files.Ledger.Append(lines) }); err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	return nil
}

// warn logs a call with failed entries, once a second at most: throttling fails many calls a second.
func (s *Sender) warn(c *call, failed, shards int, now time.Time) {
	if now.Sub(s.lastWarning) < time.Second {
		return
	}
	s.lastWarning = now
	log := s.log.WithFields(logrus.Fields{"records": failed, "of": len(c.entries), "shards": shards, "error_code": c.errorCode()})
	if c.err != nil {
		log = log.WithError(c.err)
	}
	log.Warn("records not put, back in their queues")
}

// abandon gives up everything that is not in a call, and sends nothing more. The first reason is kept.
func (s *Sender) abandon(reason error) {
	if s.failure == nil {
		s.failure = reason
	}
	rest := append(s.batch.entries, s.backlog.removeAll()...)
	rest = append(rest, slices.Concat(s.suspects...)...)
	rest = append(rest, s.containers.due(time.Now(), true)...)
	s.batch, s.suspects = batch{}, nil
	s.giveUp(rest, reasonStopped)
}

// expire spills the records that are older than the record TTL. While the spill cannot be written they stay in their
// queues, and are still sent; only a sender that is to end loses them.
func (s *Sender) expire(now time.Time) {
	if s.cfg.RecordTTL == 0 || (now.Before(s.nextSpill) && !s.closing) {
		return
	}
	old := s.backlog.expired(now.Add(-s.cfg.RecordTTL))
	if len(old) == 0 {
		if now.Sub(s.oldest()) < s.cfg.RecordTTL || s.account.stats.Unsent == 0 {
			s.spillError = nil // nothing has to be spilled, whether it could be or not
		}
		return
	}
	known := s.spillError != nil
	err := s.write(eventsOf(old))
	if err != nil && !s.closing {
		s.nextSpill = time.Now().Add(spillPause)
		if !known {
			s.log.WithError(err).WithField("records", len(old)).Error("spill file not written, records stay in memory; mend the disk or free it")
		}
		return
	}
	s.backlog.remove(old)
	s.gaveUp(old, reasonTTL, err)
}

// giveUp spills the events of the entries. What cannot be spilled is lost.
func (s *Sender) giveUp(entries []*entry, reason string) {
	if len(entries) > 0 {
		s.gaveUp(entries, reason, s.write(eventsOf(entries)))
	}
}

// write writes to the spill, and notes whether it can be written.
func (s *Sender) write(events []event.Event) error {
	err := s.onDisk(SpillFailing, func() error { return s.files.Spill.Write(events) })
	if err != nil && s.spillError == nil {
		s.spillFailed = time.Now()
	}
	s.spillError = err
	return err
}

func (s *Sender) gaveUp(entries []*entry, reason string, err error) {
	s.account.givenUp(entries, err == nil)
	log := s.log.WithFields(logrus.Fields{"records": len(eventsOf(entries)), "reason": reason})
	if err != nil {
		log.WithError(err).Error("records lost: neither put nor spilled")
		return
	}
	s.settle(entries...)
	log.Warn("records given up and spilled")
}

// settle tells the journal that no later run is to put the records.
func (s *Sender) settle(entries ...*entry) {
	if s.files.Journal == nil {
		return
	}
	for _, e := range entries {
		for _, r := range e.records {
			s.files.Journal.Settled(r.Place)
		}
	}
}

func eventsOf(entries []*entry) (events []event.Event) {
	for _, e := range entries {
		for _, r := range e.records {
			events = append(events, r.Event)
		}
	}
	return events
}

// onDisk does something that may take long, without the mutex: a disk that hangs stops neither Put nor Stats. reason is
// that of a standstill if it does not return.
func (s *Sender) onDisk(reason Reason, do func() error) error {
	s.disk = diskWrite{reason, time.Now()}
	s.mu.Unlock()
	err := do()
	s.mu.Lock()
	s.disk = diskWrite{}
	return err
}

// diskWrite is a write that has not returned.
type diskWrite struct {
	reason Reason // of the standstill; empty: there is no write
	since  time.Time
}
