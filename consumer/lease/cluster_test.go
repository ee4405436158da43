package lease_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
)

// cluster is a number of workers on one table. Each acquires what its manager wants. It lives inside a synctest bubble.
type cluster struct {
	t      testing.TB
	table  *memory
	lease  lease.Config
	logs   io.Writer                          // of all workers
	drain  func(shardID string) time.Duration // how long a consumer drains
	shards shards
	open   func(shardID string) bool                       // shards that count for the balance; nil: all
	wrote  func(w *testWorker, key string) (answered bool) // after each write of a worker that was applied; nil: nothing

	mu      sync.Mutex
	workers map[string]*testWorker
	ended   map[*lease.Lease]chan struct{} // closed when a consumer is at the end of its shard
	holding map[string][]*lease.Lease      // by shard: the leases whose consumers run
	moves   int                            // acquisitions
	faults  []string
	excused time.Time       // see excuse
	edited  map[string]bool // see edit

	watching sync.WaitGroup
	unwatch  chan struct{} // closed by finish
}

func newCluster(t testing.TB, n int) *cluster {
	c := &cluster{
		t: t, table: newMemory(), drain: func(string) time.Duration { return 50 * time.Millisecond },
		lease: lease.Config{Duration: 10 * time.Second, SyncInterval: time.Second}, logs: io.Discard,
		workers: map[string]*testWorker{}, holding: map[string][]*lease.Lease{}, ended: map[*lease.Lease]chan struct{}{}, edited: map[string]bool{}, unwatch: make(chan struct{}),
	}
	c.shards.list = someShards(n)
	c.watch()
	return c
}

// start adds a worker, which runs until it is stopped or killed.
func (c *cluster) start(id string) *testWorker { return c.startWith(id, c.lease.Duration) }

// startWith is start with a lease duration of its own.
func (c *cluster) startWith(id string, duration time.Duration) *testWorker {
	return c.startOn(id, duration, &c.shards)
}

// startOn is startWith with a listing of its own.
func (c *cluster) startOn(id string, duration time.Duration, listed *shards) *testWorker {
	cfg := c.lease
	cfg.WorkerID, cfg.Duration = id, duration
	log := logrus.New()
	log.SetOutput(c.logs)
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, TimestampFormat: "04:05.000"})
	ctx, cancel := context.WithCancel(context.Background())
	killed, kill := context.WithCancel(context.Background())
	w := &testWorker{name: id, cancel: cancel, killed: killed, kill: kill, listed: listed}
	w.table = &door{Table: c.table, killed: killed, deaf: &w.deaf, wrote: func(key string) bool { return c.wrote == nil || c.wrote(w, key) }}
	w.registry = prometheus.NewRegistry()
	w.leases = lease.New(cfg, w.table, listed, lease.NewMetrics(w.registry), logrus.NewEntry(log))
	c.mu.Lock()
	c.workers[id] = w
	c.mu.Unlock()
	w.done.Go(func() { _ = w.leases.Run(ctx) })
	w.done.Go(func() { c.acquire(ctx, w) })
	return w
}

// acquire does what the library's event loop does.
func (c *cluster) acquire(ctx context.Context, w *testWorker) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.leases.Wanted():
		}
		for w.leases.Wants() && ctx.Err() == nil {
			list, _ := w.listed.List()
			for _, s := range list {
				if l, err := w.leases.Acquire(ctx, s.ID); err == nil {
					c.consume(w, l)
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// consume holds a lease until it should drain, and then releases it.
func (c *cluster) consume(w *testWorker, l *lease.Lease) {
	c.mu.Lock()
	c.moves++
	c.holding[l.ShardID()] = append(c.holding[l.ShardID()], l)
	ended := make(chan struct{})
	c.ended[l] = ended
	c.mu.Unlock()
	w.done.Go(func() {
		select {
		case <-l.Drain():
			select {
			case <-time.After(c.drain(l.ShardID())):
			case <-w.killed.Done():
			}
		case <-ended:
		case <-w.killed.Done():
		}
		if w.killed.Err() != nil { // a dead process trusts nothing and releases nothing
			time.Sleep(time.Until(l.Deadline()))
		} else {
			_ = l.Release(w.killed)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ended, l)
		c.holding[l.ShardID()] = slices.DeleteFunc(c.holding[l.ShardID()], func(other *lease.Lease) bool { return other == l })
	})
}

// finish1 has the consumer of a lease release it.
func (c *cluster) finish1(l *lease.Lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended := c.ended[l]; ended != nil {
		close(ended)
		delete(c.ended, l)
	}
}

// acquisitions returns how many leases were acquired so far.
func (c *cluster) acquisitions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moves
}

// stop ends a worker in order.
func (c *cluster) stop(w *testWorker) {
	w.leases.Stop()
	for len(w.leases.Held()) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	w.cancel()
	w.done.Wait()
	_ = w.leases.Close(context.Background())
	c.drop(w)
}

// crash ends a worker as SIGKILL does: nothing that it does reaches the table any more.
func (c *cluster) crash(w *testWorker) {
	w.kill()
	w.cancel()
	c.drop(w)
}

func (c *cluster) drop(w *testWorker) {
	c.mu.Lock()
	delete(c.workers, w.name)
	c.mu.Unlock()
}

// running returns all workers, sorted: a history that is repeated must meet them in the same order.
func (c *cluster) running() []*testWorker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.workers), func(a, b *testWorker) int { return strings.Compare(a.name, b.name) })
}

// end stops all workers and returns every broken invariant.
func (c *cluster) end() []string {
	for _, w := range c.running() {
		w.resume()
		c.stop(w)
	}
	time.Sleep(time.Minute) // the leases of crashed workers expire
	c.unwatchAll()
	return append(c.faults, c.table.faults...)
}

func (c *cluster) unwatchAll() {
	for _, w := range c.running() {
		c.crash(w)
	}
	time.Sleep(time.Minute)
	close(c.unwatch)
	c.watching.Wait()
}

// finish is end for most tests.
func (c *cluster) finish() {
	c.t.Helper()
	for _, fault := range c.end() {
		c.t.Error(fault)
	}
}
