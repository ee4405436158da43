package kcl

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
)

// session is one life of one shard on this worker, from the acquisition of the lease to its release: the lease, the
// reader and the pipeline. The library's consumer goroutine calls everything but the constructor.
type session struct {
	lease  *lease.Lease
	reader *reader
	shard  *pipeline.Shard
	log    *logrus.Entry

	work    context.Context // ends with the lease, or a grace after it should be left: for commits
	read    context.Context // ends as soon as the lease should be left: for waits and reads
	close   context.CancelFunc
	opened  bool
	records []types.Record // of the page that the library is at, and has not seen
	failed  error          // why the session must end; what it holds is discarded
}

// newSession starts the session's contexts. grace bounds the drain once the lease should be left.
func newSession(l *lease.Lease, grace time.Duration, log *logrus.Entry) *session {
	s := &session{lease: l, log: log}
	work, cancelWork := context.WithCancel(context.Background())
	read, cancelRead := context.WithCancel(work)
	s.work, s.read, s.close = work, read, cancelWork
	go func() {
		select {
		case <-l.Drain():
		case <-work.Done():
			return
		}
		cancelRead()
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-l.Done():
		case <-work.Done():
		case <-timer.C:
		}
		cancelWork()
	}()
	return s
}

// failurePause keeps a shard that fails at once from turning in a tight circle.
const failurePause = time.Second

// errLeave ends a session whose lease is to be handed over, released or is lost.
var errLeave = errors.New("lease is being left")

// recovered is deferred where the pipeline may panic: the session fails, not the process.
func (s *session) recovered(err *error) {
	if p := recover(); p != nil {
		s.failed = fmt.Errorf("panic: %v", p)
		*err = s.failed
		s.log.WithFields(logrus.Fields{"panic": p, "stack": string(debug.Stack())}).Error("shard stopped by a panic")
	}
}

// next returns the next page, or why the session ends.
func (s *session) next() (page *kinesis.GetRecordsOutput, err error) {
	defer s.recovered(&err)
	if s.failed != nil {
		return nil, s.failed
	}
	if s.read.Err() != nil {
		return nil, errLeave
	}
	if err := s.open(); err != nil {
		return s.outcome(emptyPage(), err)
	}
	page, err = s.reader.page(s.read, s.shard.Position())
	if err == nil && page.NextShardIterator == nil {
		return s.lastPage(page)
	}
	return s.outcome(page, err)
}

// open finds the tip of the shard's chain, once.
func (s *session) open() error {
	if s.opened {
		return nil
	}
	if err := sleepUntil(s.read, s.reader.due); err != nil {
		return err
	}
	at, day, err := s.lease.Position()
	if err == nil {
		err = s.shard.Open(s.read, at, day)
	}
	if err != nil {
		return err
	}
	s.opened = true
	s.log.WithField("sequence_number", s.shard.Position()).Debug("shard opened")
	return nil
}

// lastPage holds back the end of a closed shard until everything before it is committed: a link of another writer
// may still move the position.
func (s *session) lastPage(page *kinesis.GetRecordsOutput) (*kinesis.GetRecordsOutput, error) {
	if len(page.Records) > 0 {
		page.NextShardIterator = emptyPage().NextShardIterator
		return page, nil
	}
	if err := s.shard.Drain(s.work); err != nil {
		return s.outcome(emptyPage(), err)
	}
	if s.shard.Position() != s.reader.at {
		return emptyPage(), nil
	}
	return page, nil
}

// outcome sorts an error into: leave, fail, or come back later with an empty page.
func (s *session) outcome(page *kinesis.GetRecordsOutput, err error) (*kinesis.GetRecordsOutput, error) {
	switch {
	case err == nil:
		return page, nil
	case s.read.Err() != nil:
		return nil, errLeave
	case errors.Is(err, errGone) || isLost(err) || errors.Is(err, warehouse.ErrFatal):
		s.failed = err
		return nil, err
	}
	s.reader.backOff()
	s.log.WithError(err).Warn("shard waits for its warehouse, trying again")
	return page, nil
}

// process takes the page that next returned last.
func (s *session) process() {
	defer s.recovered(&s.failed)
	if s.failed != nil || !s.opened {
		return
	}
	page := s.records
	s.records = nil // or it would be held while the next one is read
	if err := s.shard.Process(s.work, page); err != nil {
		s.failed = err
	}
}

// finish marks a closed shard as read to its end.
func (s *session) finish() {
	defer s.recovered(&s.failed)
	if s.failed == nil {
		s.failed = s.shard.Finish(s.work)
	}
}

// end drains what can be drained and gives the lease back. A lost lease discards.
func (s *session) end() {
	defer s.close()
	started := time.Now()
	s.drain()
	if s.failed != nil && !isLost(s.failed) {
		s.log.WithError(s.failed).Warn("shard left before everything was committed, it is read again from the last link")
		_ = sleepUntil(s.read, started.Add(failurePause)) // before anybody tries again
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := s.lease.Release(ctx); err != nil && !errors.Is(err, lease.ErrRefused) {
		s.log.WithError(err).Warn("lease not released, it expires")
	}
	s.log.WithField("elapsed_ms", time.Since(started).Milliseconds()).Debug("shard left")
}

func (s *session) drain() {
	defer s.recovered(&s.failed)
	if s.failed == nil && s.opened && s.work.Err() == nil {
		s.failed = s.shard.Drain(s.work)
	}
}

func isLost(err error) bool { return errors.Is(err, lease.ErrLost) || errors.Is(err, pipeline.ErrLost) }
