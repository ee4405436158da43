// Package put gets records into the stream: queued by shard, within the shards' limits, in batches, until each one
// is acknowledged or given up.
//
// A record's life:
//
//	Put -> [container] -> queue of its shard -> batch -> PutRecords -> acknowledged -> ledger
//	                           ^                             |
//	                           +-- backoff of the shard <-- refused, or outcome unknown
//	                           |
//	                           +-- older than the record TTL, or the sender is stopped -> spill
//
// What always holds: success is decided per entry of the answer; only what failed is sent again, under its explicit
// hash key; every record given to Put ends in the ledger or in the spill. A call that ends without an answer may have
// put its records; they are sent again, so the stream may hold them twice, and they are counted as possible duplicates.
// If the process dies, the records of the calls in flight may be in the stream without being in the ledger, and what
// was waiting is in neither.
//
// One goroutine owns all state: Run's. Calls are made by short-lived goroutines, at most Config.InFlight of them.
package put

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/shared/event"
)

// The sender accepts no more while it holds so much unsent; Put blocks then.
const (
	maxUnsent      = 20_000
	maxUnsentBytes = 64 << 20
)

// ErrStopped is Put's error once Run has returned.
var ErrStopped = errors.New("the sender has stopped")

// Config of a sender. Only Stream or StreamARN is required.
type Config struct {
	Stream         string
	StreamARN      string        // instead of Stream
	Linger         time.Duration // how long a call, and a container, may wait for more records; 0: not at all
	InFlight       int           // PutRecords calls at once; 0: 1
	ShardRecords   int           // per second and shard; 0: no limit
	ShardBytes     int           // per second and shard, partition keys counted in; 0: no limit
	MaxRecordBytes int           // size of the largest record, partition key counted in
	RecordTTL      time.Duration // from a record's birth until it is given up; 0: never
	BlockAfter     time.Duration // accept nothing while the oldest unsent record is older; 0: accept
	Aggregate      bool          // many records in one, in the format of the KPL
	// StrictOrder puts one record at a time to each shard, by PutRecord, so that a shard has its records in the order
	// they were given to Put, also where a record is resent; what is spilled loses its place. Not with Aggregate.
	StrictOrder bool
}

// Ledger keeps what was acknowledged. Append returns when the entries would survive the end of the process. All
// records of one container have one sequence number.
type Ledger interface {
	Append([]ledger.Entry) error
}

// Spill keeps what was given up. Write returns when the events are on disk.
type Spill interface {
	Write([]event.Event) error
}

// Misrouted is told the map version of each record that is not on the shard it was routed to. It must not block.
type Misrouted func(mapVersion uint64)

// Sender is made by NewSender. Put and Close are for one goroutine, Stats for any.
type Sender struct {
	cfg       Config
	api       API
	ledger    Ledger
	spill     Spill
	misrouted Misrouted
	log       logrus.FieldLogger

	in      chan Record
	closing chan struct{}
	landed  chan *flight
	done    chan struct{}

	mu          sync.Mutex        // held by Run except while it waits, so that Stats can look
	shards      map[string]*shard // closed ones stay: there are few, and they are small
	backlog     []*shard          // those with something in their queue
	batch       batch
	closeAt     time.Time // when a container has waited long enough, at the earliest; zero: none is open
	flights     map[*flight]struct{}
	unsent      int
	unsentBytes int
	draining    bool  // nothing more will come
	fatal       error // why nothing more is sent
	lastWarning time.Time
	stats       Stats
}

// NewSender returns a sender; entries may be nil. It sends nothing before Run.
func NewSender(cfg Config, api API, entries Ledger, spill Spill, misrouted Misrouted, log logrus.FieldLogger) *Sender {
	cfg.InFlight = max(1, cfg.InFlight)
	return &Sender{
		cfg: cfg, api: api, ledger: entries, spill: spill, misrouted: misrouted, log: log,
		in: make(chan Record), closing: make(chan struct{}), landed: make(chan *flight), done: make(chan struct{}),
		shards: map[string]*shard{}, flights: map[*flight]struct{}{}, stats: Stats{PerShard: map[string]uint64{}},
	}
}

// Put hands over a record, and blocks while too much is unsent, but no longer than Run runs. The error is ErrStopped
// once Run has returned; the record is in the spill then.
func (s *Sender) Put(r Record) error {
	select {
	case s.in <- r:
		return nil
	case <-s.done:
	}
	s.locked(func() {
		s.accept(r, time.Now())
		s.spillAll()
	})
	return ErrStopped
}

// Close says that nothing more will come: Run returns once all records are settled. Call it once.
func (s *Sender) Close() { close(s.closing) }

// Run sends until Close was called and every record is acknowledged or spilled. It ends early, with everything
// unacknowledged spilled, when ctx is done and when going on makes no sense: no permission, no such stream, a
// ledger that cannot be written. The error says why.
func (s *Sender) Run(ctx context.Context) error {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop, closing := ctx.Done(), s.closing
	for {
		wake, accepting, finished := s.step(ctx)
		if finished {
			return s.fatal
		}
		timer.Reset(wake)
		in := s.in
		if !accepting {
			in = nil
		}
		select {
		case r := <-in:
			s.locked(func() { s.accept(r, time.Now()) })
		case f := <-s.landed:
			s.locked(func() { s.settle(f, time.Now()) })
		case <-closing:
			closing = nil
			s.locked(func() { s.draining = true })
		case <-timer.C:
		case <-stop:
			stop = nil
			s.locked(func() { s.abandon(fmt.Errorf("put records: %w", context.Cause(ctx))) })
		}
	}
}

func (s *Sender) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// step starts the calls that may start now, and says when to look again, whether there is room for more records,
// and whether all is done.
func (s *Sender) step(ctx context.Context) (wake time.Duration, accepting, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.fatal == nil {
		s.expire(now)
		s.closeContainers(now)
		if s.cfg.StrictOrder {
			s.launchInOrder(ctx, now)
		} else {
			s.launchBatches(ctx, now)
		}
	}
	finished = len(s.flights) == 0 && (s.fatal != nil || (s.draining && s.unsent == 0))
	accepting = s.fatal == nil && s.unsent < maxUnsent && s.unsentBytes < maxUnsentBytes && !s.blocked(now)
	return s.wakeAfter(now), accepting, finished
}

func (s *Sender) blocked(now time.Time) bool {
	if s.cfg.BlockAfter == 0 || s.unsent == 0 {
		return false
	}
	return now.Sub(s.oldest()) > s.cfg.BlockAfter
}

func (s *Sender) accept(r Record, now time.Time) {
	to := s.shards[r.To.ShardID]
	if to == nil {
		to = newShard(r.To.ShardID, s.cfg)
		s.shards[to.id] = to
	}
	s.unsent++
	s.unsentBytes += len(r.Event.JSON)
	if !s.cfg.Aggregate {
		s.enqueue(to, single(r, to, r.To.ExplicitHashKey))
		return
	}
	if to.open == nil {
		to.open = newContainer(s.cfg.MaxRecordBytes)
	}
	s.enqueue(to, to.open.add(r, to, now)...)
	if s.closeAt.IsZero() {
		s.closeAt = now.Add(s.cfg.Linger)
	}
}

func (s *Sender) enqueue(to *shard, units ...*unit) {
	to.queue = append(to.queue, units...)
	if !to.inBacklog && len(to.queue) > 0 {
		to.inBacklog = true
		s.backlog = append(s.backlog, to)
	}
}

// closeContainers enqueues the containers that have waited long enough, or all when nothing more will come.
func (s *Sender) closeContainers(now time.Time) {
	if s.closeAt.IsZero() || (now.Before(s.closeAt) && !s.draining) {
		return
	}
	s.closeAt = time.Time{}
	for _, to := range s.shards {
		if to.open == nil || len(to.open.records) == 0 {
			continue
		}
		due := to.open.since.Add(s.cfg.Linger)
		if s.draining || !now.Before(due) {
			s.enqueue(to, to.open.close(to)...)
		} else if s.closeAt.IsZero() || due.Before(s.closeAt) {
			s.closeAt = due
		}
	}
}
