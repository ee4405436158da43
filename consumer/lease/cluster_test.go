package lease_test

import (
	"context"
	"fmt"
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

// cluster is a number of workers on one table, each consuming whatever it may acquire. Run it inside a synctest
// bubble.
type cluster struct {
	t      testing.TB
	table  *memory
	lease  lease.Config
	logs   io.Writer                          // of all workers
	drain  func(shardID string) time.Duration // what a consumer needs between being asked to leave and its release
	shards shards

	mu      sync.Mutex
	workers map[string]*testWorker
	holding map[string][]*lease.Lease // by shard: leases that were acquired and whose consumers run
	moves   int                       // acquisitions
	faults  []string

	watching sync.WaitGroup
	unwatch  chan struct{} // closed by finish
}

// shards is a fixed list of shards.
type shards struct {
	mu   sync.Mutex
	list []lease.Shard
	next []lease.Shard // what the next listing would say; nil: the same
}

func (s *shards) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		s.list, s.next = s.next, nil
	}
}

func (s *shards) List() ([]lease.Shard, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list, time.Now()
}

func (s *shards) set(list []lease.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
}

func shardID(i int) string { return fmt.Sprintf("shardId-%012d", i) }

func someShards(n int) (list []lease.Shard) {
	for i := range n {
		list = append(list, lease.Shard{ID: shardID(i)})
	}
	return list
}

func newCluster(t testing.TB, n int) *cluster {
	c := &cluster{
		t: t, table: newMemory(), drain: func(string) time.Duration { return 50 * time.Millisecond },
		lease: lease.Config{Duration: 10 * time.Second, SyncInterval: time.Second}, logs: io.Discard,
		workers: map[string]*testWorker{}, holding: map[string][]*lease.Lease{}, unwatch: make(chan struct{}),
	}
	c.shards.list = someShards(n)
	c.watch()
	return c
}

type testWorker struct {
	id      string
	manager *lease.Manager
	cancel  context.CancelFunc
	killed  context.Context
	kill    context.CancelFunc
	done    sync.WaitGroup
	table   *door

	registry *prometheus.Registry
}

// counter returns the sum of a worker's metric over its labels.
func counter(t *testing.T, w *testWorker, name string) (sum float64) { return labelled(t, w, name, "") }

// labelled sums only what has the label value, if there is one.
func labelled(t *testing.T, w *testWorker, name, value string) (sum float64) {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (value == "" || m.GetLabel()[0].GetValue() == value) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// start adds a worker, which runs until it is stopped or killed.
func (c *cluster) start(id string) *testWorker {
	cfg := c.lease
	cfg.WorkerID = id
	log := logrus.New()
	log.SetOutput(c.logs)
	ctx, cancel := context.WithCancel(context.Background())
	killed, kill := context.WithCancel(context.Background())
	w := &testWorker{id: id, cancel: cancel, killed: killed, kill: kill, table: &door{Table: c.table, killed: killed}}
	w.registry = prometheus.NewRegistry()
	w.manager = lease.NewManager(cfg, w.table, &c.shards, lease.NewMetrics(w.registry), logrus.NewEntry(log))
	c.mu.Lock()
	c.workers[id] = w
	c.mu.Unlock()
	w.done.Go(func() { _ = w.manager.Run(ctx) })
	w.done.Go(func() { c.acquire(ctx, w) })
	return w
}

// acquire does what the library's event loop does.
func (c *cluster) acquire(ctx context.Context, w *testWorker) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.manager.Wanted():
		}
		for w.manager.Wants() && ctx.Err() == nil {
			list, _ := c.shards.List()
			for _, s := range list {
				if l, err := w.manager.Acquire(ctx, s.ID); err == nil {
					c.consume(w, l)
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// consume holds a lease until it should be left.
func (c *cluster) consume(w *testWorker, l *lease.Lease) {
	c.mu.Lock()
	c.moves++
	c.holding[l.ShardID()] = append(c.holding[l.ShardID()], l)
	c.mu.Unlock()
	w.done.Go(func() {
		select {
		case <-l.Drain():
			select {
			case <-time.After(c.drain(l.ShardID())):
			case <-w.killed.Done():
			}
		case <-w.killed.Done():
		}
		if w.killed.Err() != nil { // a dead process trusts nothing and releases nothing
			<-l.Done()
		} else {
			_ = l.Release(context.Background())
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, other := range c.holding[l.ShardID()] {
			if other == l {
				c.holding[l.ShardID()] = append(c.holding[l.ShardID()][:i], c.holding[l.ShardID()][i+1:]...)
				break
			}
		}
	})
}

// acquisitions returns how many leases were acquired so far.
func (c *cluster) acquisitions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moves
}

// stop ends a worker in order.
func (c *cluster) stop(w *testWorker) {
	w.manager.Stop()
	for len(w.manager.Held()) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	w.cancel()
	w.done.Wait()
	_ = w.manager.Close(context.Background())
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
	delete(c.workers, w.id)
	c.mu.Unlock()
}

// loads returns how many live leases each running worker has, and how many shards nobody has.
func (c *cluster) loads() (loads map[string]int, free int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads = map[string]int{}
	owned := 0
	for id, w := range c.workers {
		loads[id] = 0
		for _, l := range w.manager.Held() {
			if time.Now().Before(l.Deadline()) {
				loads[id]++
				owned++
			}
		}
	}
	return loads, len(c.shards.list) - owned
}

func (c *cluster) balanced() bool {
	loads, free := c.loads()
	if free != 0 {
		return false
	}
	least, most := 1<<30, 0
	for _, n := range loads {
		least, most = min(least, n), max(most, n)
	}
	return most-least <= 1
}

// settled waits until the leases are balanced, and returns the time that it took.
func (c *cluster) untilBalanced(bound time.Duration) (took time.Duration, balanced bool) {
	started := time.Now()
	for !c.balanced() {
		if time.Since(started) > bound {
			return bound, false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(started), true
}

// settle wants it.
func (c *cluster) wantBalanced(bound time.Duration) time.Duration {
	c.t.Helper()
	took, balanced := c.untilBalanced(bound)
	if !balanced {
		loads, free := c.loads()
		c.t.Fatalf("not balanced after %v: %d free, %v", bound, free, loads)
	}
	return took
}

// running returns all workers, in one order for one history.
func (c *cluster) running() []*testWorker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.workers), func(a, b *testWorker) int { return strings.Compare(a.id, b.id) })
}

// end stops all workers and returns every broken invariant.
func (c *cluster) end() []string {
	for _, w := range c.running() {
		w.resume()
		c.stop(w)
	}
	time.Sleep(time.Minute) // leases of crashed workers end
	close(c.unwatch)
	c.watching.Wait()
	return append(c.faults, c.table.faults...)
}

// finish is end for most tests.
func (c *cluster) finish() {
	c.t.Helper()
	for _, fault := range c.end() {
		c.t.Error(fault)
	}
}
