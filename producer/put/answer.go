package put

import (
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/event"
)

// Why records are given up.
const (
	reasonTTL     = "record TTL"
	reasonStopped = "sender stopped"
)

// answered handles the answer of a call, entry by entry.
func (s *Sender) answered(c *call, now time.Time) {
	s.calls.remove(c)
	// The ledger comes first. After a crash before this line the acknowledged records are in the stream and not in the
	// ledger. After it they are in both.
	err := s.record(c)
	s.account.answered(c, now)
	for i, e := range c.entries {
		e.queue.inCall = false
		if c.done(i) && !e.queue.acknowledged(c.results[i]) {
			s.misrouted(e.mapVersion)
		}
	}
	// The other entries go back to the front of their queues. A crash loses them, unless the outcome of the call is
	// unknown: then they may be in the stream.
	if failed := c.failed(); len(failed) > 0 {
		s.warn(c, len(failed), s.backlog.putBack(failed, now), now)
	}
	if c.outcome == hopeless {
		err = fmt.Errorf("put records: %w", c.err)
	}
	if err != nil || s.failure != nil {
		s.abandon(err)
	}
}

// record enters the acknowledged records into the ledger.
func (s *Sender) record(c *call) error {
	if s.ledger == nil {
		return nil
	}
	lines := c.lines()
	if len(lines) == 0 {
		return nil
	}
	if err := s.ledger.Append(lines); err != nil {
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
	rest = append(rest, s.containers.due(time.Now(), true)...)
	s.batch = batch{}
	s.giveUp(rest, reasonStopped)
}

// giveUp spills the events of the entries. What cannot be spilled is lost.
func (s *Sender) giveUp(entries []*entry, reason string) {
	if len(entries) == 0 {
		return
	}
	var events []event.Event
	for _, e := range entries {
		for _, r := range e.records {
			events = append(events, r.Event)
		}
	}
	err := s.spill.Write(events)
	s.account.givenUp(entries, err == nil)
	log := s.log.WithFields(logrus.Fields{"records": len(events), "reason": reason})
	if err != nil {
		log.WithError(err).Error("records lost: neither put nor spilled")
		return
	}
	log.Warn("records given up and spilled")
}
