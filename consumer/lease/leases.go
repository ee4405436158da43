package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// Shard is what a lease needs to know about a shard.
type Shard struct {
	ID      string
	Parents []string // none, one, or the two of a merge
}

// Shards lists the stream's shards.
type Shards interface {
	// List returns all shards of the stream, closed ones included, and when that listing began. Nil before the first
	// complete listing. It returns at once.
	List() (shards []Shard, began time.Time)
	// Refresh asks for a new listing; it returns at once.
	Refresh()
}

// Leases are those of one worker. [Leases.Run] keeps the worker alive in the table and follows the plan. The consumers of the
// shards call [Leases.Wanted], [Leases.Acquire] and the methods of [Lease]. Run is called once, and Close after it; all other
// methods are safe for concurrent use.
type Leases struct {
	cfg     Config
	table   rows
	shards  Shards
	metrics *Metrics
	log     *logrus.Entry
	poke    wait.Signal // look at the table now
	wanted  wait.Signal // there may be a lease to acquire

	mu         sync.Mutex // guards what follows
	life       *life
	held       map[string]*Lease // from the acquisition to the return of Release
	acquiring  map[string]bool   // whose acquisition is under way
	acquirable map[string]free   // leases that the plan gives to this worker and that are free
	finished   map[string]bool   // shards that were seen to be read to their end
	synced     time.Time         // when the table was last read with the shards known
	stopping   bool
	asked      map[string]bool // shards that others wait for, because of us as it seems
	unsettled  bool            // a write of an owner has an unknown outcome
}

// free is a lease that can be acquired.
type free struct {
	row    Row    // as last seen
	owner  string // the name of its owner
	waited bool   // for an owner that lived
}

// New returns the leases of a worker that has none.
func New(cfg Config, table Table, shards Shards, metrics *Metrics, log *logrus.Entry) *Leases {
	return &Leases{
		cfg: cfg, table: rows{table, cfg}, shards: shards, metrics: metrics, log: log,
		poke: wait.NewSignal(), wanted: wait.NewSignal(), held: map[string]*Lease{}, acquiring: map[string]bool{},
		acquirable: map[string]free{}, finished: map[string]bool{}, asked: map[string]bool{},
	}
}

// Poke makes Run look at the table now.
func (s *Leases) Poke() { s.poke.Set() }

// Wanted returns a channel that receives when there may be a lease to acquire. One reader.
func (s *Leases) Wanted() <-chan struct{} { return s.wanted }

// Wants reports whether there is a lease to acquire now.
func (s *Leases) Wants() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acquirable) > 0 && !s.stopping
}

// Finished reports whether the shard was read to its end, as far as this worker has seen.
func (s *Leases) Finished(shardID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished[shardID]
}

// Synced returns when the worker last saw the table and the shards; zero: never.
func (s *Leases) Synced() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced
}

// Held returns the leases held now, in no order. A lease that is lost is among them until it was released.
func (s *Leases) Held() []*Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	leases := make([]*Lease, 0, len(s.held))
	for _, l := range s.held {
		leases = append(leases, l)
	}
	return leases
}

// Lease returns the lease of a shard that is held now, nil if it is not.
func (s *Leases) Lease(shardID string) *Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[shardID]
}

// ErrNotWanted means that this worker is not to acquire the lease: the plan gives it to another, it has a live owner, or its
// shard's parents are unfinished.
var ErrNotWanted = errors.New("lease not wanted")

// Acquire acquires a lease that the plan gives to this worker. It lasts until it is released or lost. [ErrNotWanted] and
// [ErrRefused] are everyday answers. Every other error means that the outcome is unknown; the next look at the table shows
// it.
func (s *Leases) Acquire(ctx context.Context, shardID string) (*Lease, error) {
	s.mu.Lock()
	lease, wanted := s.acquirable[shardID]
	before := lease.row
	life := s.life
	delete(s.acquirable, shardID)
	if !wanted || s.held[shardID] != nil || s.acquiring[shardID] || s.stopping || life.ended() != "" {
		s.mu.Unlock()
		return nil, ErrNotWanted
	}
	s.acquiring[shardID] = true
	s.mu.Unlock()
	change := set{attrOwner: life.id, attrTimeout: timeoutText(), attrDuration: s.cfg.Duration.String()}
	if parent := firstParent(s.shards, shardID); parent != "" {
		change[attrParent] = parent
	}
	started := time.Now()
	row, err := s.table.write(ctx, before, change)
	if err != nil { // if it was applied all the same, the next look finds our id there
		s.mu.Lock()
		delete(s.acquiring, shardID)
		s.unsettled = s.unsettled || !errors.Is(err, ErrRefused)
		s.mu.Unlock()
		s.Poke()
		return nil, fmt.Errorf("acquire lease of %s: %w", shardID, err)
	}
	return s.hold(life, row, lease, started), nil // the lease outlives ctx
}

func firstParent(shards Shards, shardID string) string {
	list, _ := shards.List()
	for _, s := range list {
		if s.ID == shardID && len(s.Parents) > 0 {
			return s.Parents[0]
		}
	}
	return ""
}

// hold begins the life of a lease whose acquisition was written.
func (s *Leases) hold(life *life, row Row, before free, started time.Time) *Lease {
	l := newLease(s, life, row)
	s.mu.Lock()
	delete(s.acquiring, row.ShardID)
	s.held[row.ShardID] = l
	if s.stopping {
		l.askToDrain("")
	}
	s.mu.Unlock()
	reason := reasonFor(before.row, life.id, before.waited)
	s.metrics.acquired.WithLabelValues(string(reason)).Inc()
	s.metrics.held.Inc()
	l.log.WithFields(logrus.Fields{"reason": reason, "from": before.owner, "lease_counter": row.Counter,
		"checkpoint": row.Checkpoint, "elapsed_ms": time.Since(started).Milliseconds()}).Info("lease acquired")
	if reason := life.ended(); reason != "" {
		l.setDone(reason)
	}
	return l
}

// drop is called by Release. Until then a lease stays with the held ones even if it is lost, so that a shard never has
// two consumers in this process.
func (s *Leases) drop(l *Lease) {
	s.mu.Lock()
	if s.held[l.shardID] == l {
		delete(s.held, l.shardID)
	}
	if l.Row().Finished() {
		s.finished[l.shardID] = true
		s.shards.Refresh() // there may be children
	}
	s.mu.Unlock()
	s.Poke()
}

// Stop asks the consumers of all leases to drain and release, and acquires no more.
func (s *Leases) Stop() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for _, l := range s.Held() {
		l.askToDrain("")
	}
	s.wanted.Set()
	s.Poke()
}

// Close ends the worker in the table after Run has returned: its leases and its row. ctx bounds it. If it fails, the worker
// is fenced by others.
func (s *Leases) Close(ctx context.Context) error {
	for _, l := range s.Held() {
		_ = l.Release(ctx) // its consumer did not get to it
	}
	s.mu.Lock()
	life, settled := s.life, !s.unsettled
	s.mu.Unlock()
	if life == nil {
		return nil
	}
	return life.leave(ctx, settled)
}
