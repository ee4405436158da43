package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Config is what a worker needs to know about its leases.
type Config struct {
	// WorkerID is the owner written into the table. It must be unique to this process and start: a lease under
	// this name that the process does not hold is a leftover of its own lost answer, and is taken at once.
	WorkerID string
	// Duration is how long a lease outlives its last renewal, as seen by another worker. At least 1 s.
	Duration time.Duration
	// SyncInterval is the pause between two looks at the table while something is moving.
	SyncInterval time.Duration
}

// trust is how long an owner relies on its lease after the start of a write: a tenth less than others wait, so
// that clocks may run apart by a tenth.
func (c Config) trust() time.Duration { return c.Duration - c.Duration/10 }

// renewEvery leaves most of the second half of the duration for retries.
func (c Config) renewEvery() time.Duration { return c.Duration / 2 }

// retryPause is the pause after a write that failed.
func (c Config) retryPause() time.Duration { return c.Duration / 20 }

// callTimeout bounds one call to the table, the SDK's own retries included.
func (c Config) callTimeout() time.Duration { return c.Duration / 4 }

// restInterval is the pause between two looks at the table while nothing moves. It is what the detection of a
// stopped owner may add to the lease duration.
func (c Config) restInterval() time.Duration { return max(c.SyncInterval, c.Duration/5) }

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

// Manager holds one worker's leases. [Manager.Run] keeps the view of the table and decides; whoever consumes the
// shards calls [Manager.Wanted], [Manager.Acquire] and the methods of [Lease].
type Manager struct {
	cfg     Config
	table   Table
	shards  Shards
	metrics *Metrics
	log     *logrus.Entry
	keepers sync.WaitGroup
	poke    chan struct{}   // capacity 1: look at the table now
	wanted  chan struct{}   // capacity 1: there may be something to take
	lost    map[string]bool // shards that were reported as lost to retention; Run's own

	mu       sync.Mutex
	held     map[string]*Lease      // from the acquisition to the end of the shard's consumer
	seen     map[string]observation // all rows as of the last look, and own writes since
	take     map[string]bool        // leases that Acquire may take
	gone     map[string]time.Time   // rows whose shard is no longer listed, since when
	free     map[string]time.Time   // leases that nobody has, since when
	synced   time.Time              // when the table was last read with the shards known
	stopping bool
	presence Row
}

// observation is a row, and since when it has been in this version on this worker's monotonic clock.
type observation struct {
	row      Row
	since    time.Time
	vanished bool // with its table; then since is when that was seen
}

// NewManager returns a manager without leases.
func NewManager(cfg Config, table Table, shards Shards, metrics *Metrics, log *logrus.Entry) *Manager {
	return &Manager{
		cfg: cfg, table: table, shards: shards, metrics: metrics, log: log,
		poke: make(chan struct{}, 1), wanted: make(chan struct{}, 1), lost: map[string]bool{},
		held: map[string]*Lease{}, seen: map[string]observation{}, take: map[string]bool{}, gone: map[string]time.Time{},
		presence: Row{ShardID: workerKey(cfg.WorkerID)},
	}
}

// Poke makes Run look at the table now.
func (m *Manager) Poke() { signal(m.poke) }

// Wanted returns a channel that receives when there may be a lease to acquire. One reader.
func (m *Manager) Wanted() <-chan struct{} { return m.wanted }

// Wants reports whether there is a lease that Acquire may take now.
func (m *Manager) Wants() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.take) > 0 && !m.stopping
}

// Finished reports whether the shard was read to its end, as far as this worker has seen.
func (m *Manager) Finished(shardID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[shardID].row.Finished()
}

// Synced returns when the worker last saw the table and the shards; zero: never.
func (m *Manager) Synced() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

// Held returns the leases held now, in no order.
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

// ErrNotWanted means that the lease is not for this worker to take: it has a live owner or a claimant, its
// parents are unfinished, or this worker has its fair share.
var ErrNotWanted = errors.New("lease not wanted")

// Acquire takes the lease of a shard that the plan has given to this worker. The lease renews itself from then
// on, until it is released or lost. [ErrNotWanted] and [ErrRefused] are everyday answers; every other error means
// that the outcome is unknown, and the next look at the table will tell.
func (m *Manager) Acquire(ctx context.Context, shardID string) (*Lease, error) {
	m.mu.Lock()
	wanted := m.take[shardID] && m.held[shardID] == nil && !m.stopping
	delete(m.take, shardID)
	if !wanted {
		m.mu.Unlock()
		return nil, ErrNotWanted
	}
	before := m.seen[shardID]
	before.row.ShardID = shardID
	m.mu.Unlock()

	set := Set{attrOwner: m.cfg.WorkerID, attrTimeout: m.timeoutText(), attrClaim: ""}
	if parent := m.parent(shardID); parent != "" {
		set[attrParent] = parent
	}
	started := time.Now()
	row, err := m.update(ctx, before.row, set)
	if err != nil { // if it was applied all the same, the next look finds a lease of ours that nobody holds
		m.Poke()
		return nil, fmt.Errorf("acquire lease of %s: %w", shardID, err)
	}
	return m.hold(row, before, started), nil //nolint:contextcheck // the lease outlives the call
}

func (m *Manager) parent(shardID string) string {
	shards, _ := m.shards.List()
	for _, s := range shards {
		if s.ID == shardID && len(s.Parents) > 0 {
			return s.Parents[0]
		}
	}
	return ""
}

func (m *Manager) hold(row Row, before observation, started time.Time) *Lease {
	l := newLease(m, row, started.Add(m.cfg.trust()))
	ctx, cut := context.WithCancel(context.Background()) // ends with the lease
	l.cut = cut
	m.mu.Lock()
	m.held[row.ShardID] = l
	m.seen[row.ShardID] = observation{row: row, since: time.Now()}
	if m.stopping {
		l.askToLeave("")
	}
	m.mu.Unlock()
	reason := gainReason(before.row, m.cfg.WorkerID)
	m.metrics.gained.WithLabelValues(string(reason)).Inc()
	m.metrics.held.Inc()
	l.log.WithFields(logrus.Fields{"reason": reason, "from": before.row.Owner, "lease_counter": row.Counter,
		"checkpoint": row.Checkpoint, "elapsed_ms": time.Since(started).Milliseconds()}).Info("lease gained")
	m.keepers.Go(func() { l.keep(ctx) })
	return l
}

// forget is called when the consumer of a lease has come to its end. Until then the lease stays with the held
// ones, even if it is lost, so that the shard never has two consumers in this process.
func (m *Manager) forget(l *Lease) {
	m.mu.Lock()
	if m.held[l.shardID] == l {
		delete(m.held, l.shardID)
	}
	m.mu.Unlock()
	m.Poke()
}

// ended is called once by a lease that is released or lost.
func (m *Manager) ended(l *Lease, reason lostReason, claimant string) {
	m.metrics.lost.WithLabelValues(string(reason)).Inc()
	m.metrics.held.Dec()
	row := l.Row()
	entry := l.log.WithFields(logrus.Fields{"reason": reason, "lease_counter": row.Counter, "checkpoint": row.Checkpoint,
		"held_ms": time.Since(l.since).Milliseconds()})
	if claimant != "" {
		entry = entry.WithField("to", claimant)
	}
	switch {
	case reason != lostReleased:
		entry.Warn("lease lost")
	case claimant != "":
		entry.Info("lease handed over")
	default:
		entry.Info("lease released")
	}
}

// Stop asks the consumers of all leases to drain and release, and takes no more.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	for _, l := range m.Held() {
		l.askToLeave("")
	}
	signal(m.wanted)
}

// Close withdraws the worker from the table once its leases are done; ctx bounds it. What is left undone, expiry
// repairs.
func (m *Manager) Close(ctx context.Context) error {
	for _, l := range m.Held() {
		_ = l.Release(ctx) // its consumer did not come to it
	}
	m.keepers.Wait()
	return errors.Join(m.withdrawClaims(ctx), m.leave(ctx))
}

func (m *Manager) withdrawClaims(ctx context.Context) error {
	m.mu.Lock()
	var mine []Row
	for _, o := range m.seen {
		if o.row.Claim == m.cfg.WorkerID {
			mine = append(mine, o.row)
		}
	}
	m.mu.Unlock()
	ctx, cancel := m.call(ctx) // one for all: a claim that stays goes stale
	defer cancel()
	for _, row := range mine {
		if err := m.table.Claim(ctx, row, ""); err != nil && !errors.Is(err, ErrRefused) {
			return err
		}
	}
	return nil
}

// call bounds one call to the table.
func (m *Manager) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, m.cfg.callTimeout())
}

func (m *Manager) update(ctx context.Context, seen Row, set Set) (Row, error) {
	ctx, cancel := m.call(ctx)
	defer cancel()
	return m.table.Update(ctx, seen, set)
}

func (m *Manager) read(ctx context.Context, shardID string) (Row, error) {
	ctx, cancel := m.call(ctx)
	defer cancel()
	return m.table.Row(ctx, shardID)
}

// timeoutText is the LeaseTimeout attribute: for people, and for a stock worker that looks at the row.
func (m *Manager) timeoutText() string {
	return time.Now().Add(m.cfg.Duration).UTC().Format(time.RFC3339Nano)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
