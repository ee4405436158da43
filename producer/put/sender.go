// Package put gets records into the stream: queued by shard, within the limits of the shards, in batches, until each
// record is acknowledged or given up.
//
//	Put -> [container] -> queue of its shard -> batch -> call -> acknowledged -> ledger
//	                           ^                          |
//	                           +-- backoff of the queue <-+ refused, or outcome unknown
//	                           |
//	                           +-- older than the record TTL, or the sender stopped -> spill
//	                           |
//	                           +-- refused for what it is, such as its size -> aside
//
// What always holds: the answer is judged entry by entry. Only entries that failed are sent again, under the same
// explicit hash key. Every record that Put was given ends in the ledger, in the spill or aside. A call without an answer may
// have put its records. They are sent again, so the stream may have them twice, and they count as possible duplicates. An event
// gets its identity when it is accepted and keeps it, also in the spill. From the first attempt that may have put it, its
// partition key says so. Package identity tells the form, and the consumer drops the second copy.
//
// What a crash leaves behind:
//
//	a record was                 the stream has it    the ledger has it    the spill has it
//	in a container or queue      no                   no                   no: it is lost
//	in a call                    perhaps              no                   no
//	acknowledged                 yes                  once Append returned no
//	given up                     no, or perhaps (1)   no                   once Write returned
//
// (1) if one of its attempts had an unknown outcome.
//
// Put queues records, and Run does everything else with them. A mutex guards all that they share. Calls are made by
// short-lived goroutines, at most Config.InFlight of them.
//
// The package does not choose the shard of a record, makes no events, and reads no shard map.
package put

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/pulse"
	"example.com/callevents/shared/wait"
)

// ErrStopped is Put's error after Run has returned.
var ErrStopped = errors.New("the sender has stopped")

// turn is how long Run waits at most. So its loop shows that it turns, also when there is nothing to do.
const turn = 10 * time.Second

// Sender sends the records that Put is given. One goroutine may call Put and Close, one Run, any Stats.
type Sender struct {
	cfg       Config
	files     Files
	misrouted Misrouted
	log       logrus.FieldLogger
	wakeUp    wait.Signal // wakes Run
	pulse     *pulse.Pulse

	mu          sync.Mutex // guards everything below; Run releases it only while it waits
	room        sync.Cond  // Put waits for it
	containers  containers
	backlog     backlog
	batch       batch
	calls       calls
	account     account
	untilWake   int   // weight that Put may queue before it wakes Run
	closing     bool  // nothing more will come
	failure     error // why nothing more is sent; nil: all is well
	returned    bool  // Run has
	lastWarning time.Time
	disk        diskWrite  // the ledger or the spill is being written
	spillError  error      // of the last write to the spill
	spillFailed time.Time  // when spillError was first an error
	suspects    [][]*entry // calls to be made, of entries of which some were refused
	refusals    int        // of records in a row, each for itself
	nextSpill   time.Time  // the spill is not written before
}

// NewSender returns a sender. It sends nothing before Run.
func NewSender(cfg Config, api API, files Files, misrouted Misrouted, log logrus.FieldLogger) *Sender {
	s := &Sender{
		cfg: cfg, files: files, misrouted: misrouted, log: log, wakeUp: wait.NewSignal(),
		pulse:      pulse.New("sender"),
		containers: newContainers(cfg), backlog: newBacklog(cfg), calls: newCalls(cfg, api), account: newAccount(cfg),
	}
	s.room.L = &s.mu
	return s
}

// Put hands over a record. It blocks while too much is unsent. A record that is too large for the stream is put aside.
// After Run has returned the error is ErrStopped, and the record is in the spill.
func (s *Sender) Put(r Record) error {
	r.Event.ID = r.To.ID
	if s.tooLarge(r) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.returned && !s.hasRoom() {
		s.room.Wait()
	}
	s.account.accepted(r)
	if s.returned {
		s.giveUp([]*entry{newEntry(r, nil)}, reasonStopped)
		return ErrStopped
	}
	to := s.backlog.queue(r.To.ShardID)
	if !s.cfg.Aggregate {
		s.enqueue(newEntry(r, to))
		return nil
	}
	first := s.containers.nextDue.IsZero()
	for _, e := range s.containers.add(r, to, time.Now()) {
		s.enqueue(e)
	}
	if first { // Run does not know yet when a container will be due
		s.wakeUp.Set()
	}
	return nil
}

func (s *Sender) hasRoom() bool { return s.failure == nil && !s.account.full() }

// enqueue wakes Run only if there is enough to do. To wake it for each record would cost more than everything else that
// the sender does.
func (s *Sender) enqueue(e *entry) {
	s.backlog.add(e)
	if s.untilWake -= weight(e); s.untilWake <= 0 {
		s.wakeUp.Set()
	}
}

// Close says that nothing more will come. Run returns once every record is acknowledged or given up.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	s.wakeUp.Set()
}

// Stats returns the figures of this moment.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.account.snapshot(s.oldest())
	if !s.returned {
		stats.Standstill = s.standstill(time.Now())
	}
	return stats
}

// Stuck says that Run's loop has stopped to turn. It never blocks.
func (s *Sender) Stuck() error { return s.pulse.Err() }

// oldest is when the oldest unsent record was created; zero: there is none.
func (s *Sender) oldest() time.Time {
	return earliest(s.containers.oldest(), s.backlog.oldest(), s.batch.oldest, s.calls.oldest(), s.oldestSuspect())
}

// Run sends until Close was called and every record is acknowledged or spilled. It ends early, and spills everything
// that is not acknowledged, if ctx ends or if nothing more can be put: no permission, no such stream, a ledger that
// cannot be written. The error says why.
func (s *Sender) Run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		s.pulse.Rest()
		s.returned = true
		s.room.Broadcast()
	}()
	for {
		now := time.Now()
		s.pulse.Beat(turn)
		// Containers that have waited for the linger time join their queues. All of it is in memory: a crash loses it.
		for _, e := range s.containers.due(now, s.closing) {
			s.backlog.add(e)
		}
		// Records that are too old leave the queues for the spill file. After a crash "producer resend" puts them.
		s.expire(now)
		// The others go into calls. After a crash they may be in the stream, and the ledger does not have them.
		s.startCalls(ctx, now)

		if s.finished() {
			return s.failure
		}
		s.admit()
		// Put gets in here: wait releases the mutex.
		ended, stopped := s.wait(ctx, s.nextChange(now))
		if ended != nil {
			s.answered(ended)
		}
		if stopped != nil {
			s.abandon(fmt.Errorf("put records: %w", stopped))
		}
	}
}

// startCalls starts the calls that are due. In strict order these are calls of one entry, one for each shard. Otherwise
// these are batches that are full or have waited for the linger time.
func (s *Sender) startCalls(ctx context.Context, now time.Time) {
	if s.cfg.StrictOrder {
		for _, e := range s.backlog.nextOfEach(s.calls.room(), now) {
			e.queue.inCall = true
			s.account.called(s.calls.start(ctx, []*entry{e}))
		}
		return
	}
	for len(s.suspects) > 0 && s.calls.room() > 0 {
		s.account.called(s.calls.start(ctx, s.suspects[0]))
		s.suspects = s.suspects[1:]
	}
	for {
		s.backlog.fill(&s.batch, now)
		nothingToWaitFor := s.closing && s.backlog.empty()
		due := s.batch.full || nothingToWaitFor || now.Sub(s.batch.begun) >= s.cfg.Linger
		if len(s.batch.entries) == 0 || !due || s.calls.room() == 0 {
			return
		}
		s.account.called(s.calls.start(ctx, s.batch.entries))
		s.batch = batch{}
	}
}

// finished reports whether Run can return. It waits for the calls in flight, also after a failure.
func (s *Sender) finished() bool {
	return len(s.calls.inFlight) == 0 && (s.failure != nil || (s.closing && s.account.stats.Unsent == 0))
}

// admit lets a Put that waits go on if there is room, and sets how much Put may queue before it wakes Run. The first
// entry of a batch does, since the linger time begins with it. After that Run need not look before the batch can be full.
func (s *Sender) admit() {
	switch {
	case s.batch.full: // the end of a call wakes Run
		s.untilWake = maxBatchEntries
	case s.cfg.StrictOrder, len(s.batch.entries) == 0:
		s.untilWake = 1
	default:
		s.untilWake = maxBatchEntries - s.batch.weight
	}
	if s.cfg.BlockAfter > 0 {
		s.account.oldest = s.oldest()
	}
	if s.hasRoom() {
		s.room.Signal()
	}
}

// nextChange is how long nothing changes by the passing of time alone.
func (s *Sender) nextChange(now time.Time) time.Duration {
	next := s.backlog.nextExpiry()
	if !next.IsZero() && next.Before(s.nextSpill) {
		next = s.nextSpill
	}
	next = earliest(next, s.containers.nextDue)
	mayStart := s.calls.room() > 0
	if mayStart && len(s.batch.entries) > 0 {
		next = earliest(next, s.batch.begun.Add(s.cfg.Linger))
	}
	if !s.batch.full && (mayStart || !s.cfg.StrictOrder) {
		next = earliest(next, s.backlog.nextReady())
	}
	if next.IsZero() {
		return turn
	}
	return min(turn, max(0, next.Sub(now)))
}

// wait releases the mutex until Run is woken, a call has ended, d is over, or ctx ends. It returns the call, or the cause
// of the end of ctx. After a failure the end of ctx changes nothing more.
func (s *Sender) wait(ctx context.Context, d time.Duration) (ended *call, stopped error) {
	stop := ctx.Done()
	if s.failure != nil {
		stop = nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.wakeUp:
	case ended = <-s.calls.ended:
	case <-timer.C:
	case <-stop:
		stopped = context.Cause(ctx)
	}
	return ended, stopped
}
