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
	// List returns all shards of the stream, closed ones included, and when they were listed. Nil before the first
	// complete listing. It returns at once.
	List() (shards []Shard, at time.Time)
	// Refresh asks for a new listing; it returns at once.
	Refresh()
}

// Manager holds one worker's leases. [Manager.Run] looks at the table and decides. The consumers of the shards call
// [Manager.Wanted], [Manager.Acquire] and the methods of [Lease]. Run is called once, and Close after it; all other
// methods are safe for concurrent use.
type Manager struct {
	cfg      Config
	table    boundedTable
	shards   Shards
	metrics  *Metrics
	log      *logrus.Entry
	presence *presence // Run's, and after it Close's
	cleaner  *cleaner  // Run's own
	keepers  sync.WaitGroup
	poke     wait.Signal // look at the table now
	wanted   wait.Signal // there may be a lease to acquire

	mu         sync.Mutex        // guards what follows
	held       map[string]*Lease // from the acquisition to the return of Release
	seen       *sightings
	acquirable map[string]bool // leases that the last plan gave to this worker
	synced     time.Time       // when the table was last read with the shards known
	stopping   bool
}

// NewManager returns a manager without leases.
func NewManager(cfg Config, table Table, shards Shards, metrics *Metrics, log *logrus.Entry) *Manager {
	bounded := boundedTable{table, cfg}
	return &Manager{
		cfg: cfg, table: bounded, shards: shards, metrics: metrics, log: log,
		presence: newPresence(cfg, bounded), cleaner: newCleaner(cfg, bounded, metrics.shardsLost, log),
		poke: wait.NewSignal(), wanted: wait.NewSignal(), held: map[string]*Lease{}, seen: newSightings(cfg),
	}
}

// Poke makes Run look at the table now.
func (m *Manager) Poke() { m.poke.Set() }

// Wanted returns a channel that receives when there may be a lease to acquire. One reader.
func (m *Manager) Wanted() <-chan struct{} { return m.wanted }

// Wants reports whether there is a lease to acquire now.
func (m *Manager) Wants() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.acquirable) > 0 && !m.stopping
}

// Finished reports whether the shard was read to its end, as far as this worker has seen.
func (m *Manager) Finished(shardID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen.finished(shardID)
}

// Synced returns when the worker last saw the table and the shards; zero: never.
func (m *Manager) Synced() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

// Held returns the leases held now, in no order. A lease that is lost is among them until it was released.
func (m *Manager) Held() []*Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	leases := make([]*Lease, 0, len(m.held))
	for _, l := range m.held {
		leases = append(leases, l)
	}
	return leases
}

// Lease returns the lease of a shard that is held now, nil if it is not.
func (m *Manager) Lease(shardID string) *Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[shardID]
}

// ErrNotWanted means that this worker is not to acquire the lease: it has a live owner or a claimant, its shard's
// parents are unfinished, or this worker has its fair share.
var ErrNotWanted = errors.New("lease not wanted")

// Acquire acquires a lease that the plan has given to this worker. From then on the lease renews itself, until it is
// released or lost. [ErrNotWanted] and [ErrRefused] are everyday answers. Every other error means that the outcome is
// unknown; the next look at the table shows it.
func (m *Manager) Acquire(ctx context.Context, shardID string) (*Lease, error) {
	m.mu.Lock()
	wanted := m.acquirable[shardID] && m.held[shardID] == nil && !m.stopping
	delete(m.acquirable, shardID)
	before := m.seen.row(shardID)
	m.mu.Unlock()
	if !wanted {
		return nil, ErrNotWanted
	}
	set := Set{attrOwner: m.cfg.WorkerID, attrTimeout: m.cfg.timeoutText(), attrDuration: m.cfg.Duration.String(), attrClaim: ""}
	if parent := firstParent(m.shards, shardID); parent != "" {
		set[attrParent] = parent
	}
	started := time.Now()
	row, err := m.table.Update(ctx, before, set)
	if err != nil { // if it was applied all the same, the next look finds a lease of ours that nobody holds
		m.Poke()
		return nil, fmt.Errorf("acquire lease of %s: %w", shardID, err)
	}
	return m.hold(row, before, started), nil // the lease outlives ctx
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

// hold begins the life of a lease whose acquisition was written. started is when that write began.
func (m *Manager) hold(row, before Row, started time.Time) *Lease {
	ctx, cancel := context.WithCancel(context.Background())
	l := newLease(m, row, started.Add(m.cfg.trust()), cancel)
	m.mu.Lock()
	m.held[row.ShardID] = l
	m.seen.wrote(row)
	if m.stopping {
		l.askToDrain("")
	}
	m.mu.Unlock()
	reason := reasonFor(before, m.cfg.WorkerID)
	m.metrics.acquired.WithLabelValues(string(reason)).Inc()
	m.metrics.held.Inc()
	l.log.WithFields(logrus.Fields{"reason": reason, "from": before.Owner, "lease_counter": row.Counter,
		"checkpoint": row.Checkpoint, "elapsed_ms": time.Since(started).Milliseconds()}).Info("lease acquired")
	m.keepers.Go(func() { l.keep(ctx) })
	return l
}

// drop is called by Release. Until then a lease stays with the held ones even if it is lost, so that a shard never has
// two consumers in this process.
func (m *Manager) drop(l *Lease) {
	m.mu.Lock()
	if m.held[l.shardID] == l {
		delete(m.held, l.shardID)
	}
	m.mu.Unlock()
	m.Poke()
}

// Stop asks the consumers of all leases to drain and release, and acquires no more.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	for _, l := range m.Held() {
		l.askToDrain("")
	}
	m.wanted.Set()
}

// Close removes the worker from the table after Run has returned: its leases, its claims, and its own row. ctx bounds
// it. What it does not get done expires.
func (m *Manager) Close(ctx context.Context) error {
	for _, l := range m.Held() {
		_ = l.Release(ctx) // its consumer did not get to it
	}
	m.keepers.Wait()
	return errors.Join(m.withdrawClaims(ctx), m.presence.remove(ctx))
}

func (m *Manager) withdrawClaims(ctx context.Context) error {
	m.mu.Lock()
	claimed := m.seen.claimedBy(m.cfg.WorkerID)
	m.mu.Unlock()
	ctx, cancel := m.table.bound(ctx) // the time of one call for all: a claim that stays goes stale
	defer cancel()
	for _, row := range claimed {
		if err := m.table.Claim(ctx, row, ""); err != nil && !errors.Is(err, ErrRefused) {
			return err
		}
	}
	return nil
}
