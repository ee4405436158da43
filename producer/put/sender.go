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
// Put queues records, Run does all the rest with them; a mutex is between the two. Calls are made by short-lived
// goroutines, at most Config.InFlight of them.
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

	landed chan *flight
	nudges chan struct{} // tell Run to look; holds one

	mu          sync.Mutex        // of all that follows; Run lets go of it while it waits
	room        sync.Cond         // Put waits for it
	untilLook   int               // what may be queued before Run has to look, in shares of a batch
	oldestSeen  time.Time         // birth of the oldest unsent record at Run's last look; zero: there was none
	returned    bool              // Run has
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
	s := &Sender{
		cfg: cfg, api: api, ledger: entries, spill: spill, misrouted: misrouted, log: log,
		landed: make(chan *flight), nudges: make(chan struct{}, 1),
		shards: map[string]*shard{}, flights: map[*flight]struct{}{}, stats: Stats{PerShard: map[string]uint64{}},
	}
	s.room.L = &s.mu
	return s
}

// Close says that nothing more will come: Run returns once all records are settled.
func (s *Sender) Close() {
	s.locked(func() { s.draining = true })
	s.nudge()
}

// Run sends until Close was called and every record is acknowledged or spilled. It ends early, with everything
// unacknowledged spilled, when ctx is done and when going on makes no sense: no permission, no such stream, a
// ledger that cannot be written. The error says why.
func (s *Sender) Run(ctx context.Context) error {
	defer s.locked(func() {
		s.returned = true
		s.room.Broadcast()
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for stop := ctx.Done(); ; {
		wake, finished := s.step(ctx)
		if finished {
			return s.fatal
		}
		timer.Reset(wake)
		select {
		case <-s.nudges:
		case f := <-s.landed:
			s.locked(func() { s.settle(f, time.Now()) })
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

// step starts the calls that may start now, and says when to look again and whether all is done.
func (s *Sender) step(ctx context.Context) (wake time.Duration, finished bool) {
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
	s.untilLook = s.nextLook()
	if s.cfg.BlockAfter > 0 {
		s.oldestSeen = s.oldest()
	}
	if s.hasRoom() {
		s.room.Signal()
	}
	finished = len(s.flights) == 0 && (s.fatal != nil || (s.draining && s.unsent == 0))
	return s.wakeAfter(now), finished
}
