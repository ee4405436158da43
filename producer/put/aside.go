package put

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/event"
	"example.com/callevents/shared/identity"
)

// maxRefusals is how many records in a row may be refused, each for itself. More are no matter of the records: the run
// ends.
const maxRefusals = 20

// tooLarge puts aside a record that is larger than the stream takes. It is for the goroutine that calls Put.
func (s *Sender) tooLarge(r Record) bool {
	switch bytes := len(r.Event.JSON); {
	case s.cfg.MaxRecordBytes == 0, bytes+identity.MaxKeyBytes+len(r.Event.CallID) <= s.cfg.MaxRecordBytes: // most are far from it
		return false
	case bytes+len(r.partitionKey(true)) <= s.cfg.MaxRecordBytes:
		return false
	}
	reason := fmt.Errorf("%d bytes with its partition key, the stream takes %d", len(r.Event.JSON)+len(r.partitionKey(true)), s.cfg.MaxRecordBytes)
	e := newEntry(r, nil)
	err := s.files.Aside.Write(e.neverPut())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.accepted(r)
	s.wasPutAside(e, reason, err)
	return true
}

// takeAside returns the entries of a call that go back to their queues. If Kinesis found the call invalid, it does not say
// which record is to blame: each half of the call becomes a call of its own, and so on. One that is refused alone is put
// aside. A crash before that loses it.
func (s *Sender) takeAside(c *call) (again []*entry) {
	if c.outcome == invalid && len(c.entries) > 1 {
		s.suspect(c.entries)
		return nil
	}
	for i, e := range c.entries {
		switch {
		case c.done(i):
			s.refusals = 0
		case !isInvalid(aws.ToString(c.results[i].ErrorCode)):
			again = append(again, e)
		case e.queue.last != nil: // strict order: the sequence number of the record before may be to blame
			e.queue.last = nil
			again = append(again, e)
		case len(e.records) > 1:
			s.suspect(e.takeApart())
		default:
			s.refusals++
			s.refuse(e, errors.New(c.message(i)))
		}
	}
	return again
}

// suspect makes two calls, or more, of entries of which one is to blame. They come before all batches.
func (s *Sender) suspect(entries []*entry) {
	half := min((len(entries)+1)/2, maxBatchEntries)
	s.suspects = slices.AppendSeq(s.suspects, slices.Chunk(entries, half))
}

// oldestSuspect is when the oldest record among them was created; zero: there is none.
func (s *Sender) oldestSuspect() (created time.Time) {
	for _, e := range slices.Concat(s.suspects...) {
		created = earliest(created, e.created())
	}
	return created
}

// takeApart returns an entry for each record of a container.
func (e *entry) takeApart() (single []*entry) {
	for _, r := range e.records {
		one := newEntry(r, e.queue)
		if one.unknown = e.unknown; e.again {
			one.mark()
		}
		single = append(single, one)
	}
	return single
}

// refuse puts a record aside that Kinesis does not take.
func (s *Sender) refuse(e *entry, reason error) {
	err := s.onDisk(SpillFailing, func() error { return s.files.Aside.Write(e.neverPut()) })
	s.wasPutAside(e, reason, err)
}

// neverPut are the events of an entry that the stream does not take. If a person mends them, they are new ones.
func (e *entry) neverPut() []event.Event {
	events := eventsOf([]*entry{e})
	for i := range events {
		events[i].ID = identity.ID{}
	}
	return events
}

// wasPutAside names the record. If it could not be put aside, it is spilled.
func (s *Sender) wasPutAside(e *entry, reason, err error) {
	if err != nil {
		s.log.WithError(err).Error("file for refused records not written, the record is spilled instead")
		s.giveUp([]*entry{e}, reasonRefused)
		return
	}
	s.account.putAside(e)
	s.settle(e)
	s.log.WithError(reason).WithFields(logrus.Fields{"call_id": e.records[0].Event.CallID, "bytes": e.bytes()}).
		Error("record refused, it is put aside and the others go on")
}
