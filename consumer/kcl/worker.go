package kcl

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/awsclient"
)

// Config is what a worker needs to know.
type Config struct {
	Stream      string
	Application string
	WorkerID    string
	Start       time.Time // pinned initial position of the application; zero: TRIM_HORIZON
	Lease       lease.Config
	Consumer    *Registration // reads by enhanced fan-out, and is ready; nil: by GetRecords
	// ShardReadBytes is how many bytes a second are read of a shard at most; 0: as many as Kinesis gives.
	ShardReadBytes int
	// Retention of the stream, for the metric of what is left of it.
	Retention time.Duration
	// StallAfter is how long a shard may make no progress before it counts as blocked; 0: [stall.After].
	StallAfter time.Duration
	// Grace bounds the drain of a shard: commit and checkpoint, once its lease is to be released. What is not committed
	// then is left to the shard's next owner. Stopping takes no longer than this and a few seconds.
	Grace time.Duration
}

// NewPipeline makes the pipeline of a shard under a lease. Its error ends the worker.
type NewPipeline func(types.Shard, *lease.Lease, *stall.Tracker) (*pipeline.Pipeline, error)

// Worker consumes the shards that its leases give it, on the engine of vmware-go-kcl-v2.
type Worker struct {
	cfg         Config
	aws         aws.Config
	client      *kinesis.Client
	catalog     *catalog
	leases      *lease.Leases
	table       *stall.Tracker // of the lease table
	newPipeline NewPipeline
	metrics     *Metrics
	log         *logrus.Entry
	stopping    chan struct{}
	failure     chan error // capacity 1

	mu        sync.Mutex
	consumers map[string]*shardConsumer // by shard
	failing   map[string]*stall.Tracker // of shards whose consumer has failed, by shard
}

// NewWorker wires a worker; nothing starts before [Worker.Run].
func NewWorker(cfg Config, awsCfg aws.Config, table lease.Table, newPipeline NewPipeline, leaseMetrics *lease.Metrics,
	metrics *Metrics, log *logrus.Entry) *Worker {
	cfg.StallAfter = cmp.Or(cfg.StallAfter, stall.After)
	client := awsclient.Kinesis(awsCfg, withProtocol, withoutThrottleRetries)
	catalog := newCatalog(client, cfg.Stream, stall.NewTracker(listEvery+cfg.StallAfter), log)
	tracker := stall.NewTracker(cfg.Lease.Duration + cfg.StallAfter) // it is read each fifth of the lease duration, at least
	w := &Worker{
		table: tracker, cfg: cfg, aws: awsCfg, client: client, catalog: catalog, newPipeline: newPipeline, metrics: metrics, log: log,
		leases:   lease.New(cfg.Lease, trackedTable{table, tracker}, catalog, leaseMetrics, log),
		stopping: make(chan struct{}), failure: make(chan error, 1), consumers: map[string]*shardConsumer{},
		failing: map[string]*stall.Tracker{},
	}
	catalog.changed = w.leases.Poke
	return w
}

// Synced returns when the worker last saw the lease table and the shards; zero: never.
func (w *Worker) Synced() time.Time { return w.leases.Synced() }

// Refresh lists the stream's shards now instead of in half a minute; it does not wait for it.
func (w *Worker) Refresh() { w.catalog.Refresh() }

// Listed returns the stream's shards as of the last complete listing, and when that was; nil before the first.
func (w *Worker) Listed() ([]types.Shard, time.Time) { return w.catalog.listed() }

// Retention is the stream's, as of the start; 0: not known.
func (w *Worker) Retention() time.Duration { return w.cfg.Retention }

// ShardState is a shard that the worker reads now.
type ShardState struct {
	Lease       lease.Row
	Behind      time.Duration // of the last page, and the time since it was asked for
	Records     uint64        // read since the lease was acquired
	Uncommitted time.Duration // age of the oldest record that was read and is not in an object; 0: there is none
	Headroom    time.Duration // until retention takes what is next
}

// Shards returns the shards that the worker reads, by name.
func (w *Worker) Shards() []ShardState {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make([]ShardState, 0, len(w.consumers))
	for _, c := range w.consumers {
		last := c.source.last()
		s := ShardState{Lease: c.lease.Row(), Behind: last.now(), Records: last.records}
		if oldest := c.tracker.Oldest(); !oldest.IsZero() {
			s.Uncommitted = max(0, last.kinesisTime(time.Now()).Sub(oldest))
		}
		s.Headroom = w.cfg.Retention - max(s.Behind, s.Uncommitted)
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b ShardState) int { return cmp.Compare(a.Lease.ShardID, b.Lease.ShardID) })
	return states
}

// Run consumes until ctx ends. It returns an error when something happens that only a person can mend. It stops in
// this order: no more leases are acquired; every shard drains and its lease is released, being renewed until then; the
// library's goroutines end; the worker leaves the table. A Worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { w.fail(w.catalog.run(background)) })
	loops.Go(func() { w.fail(w.leases.Run(background)) })
	loops.Go(func() { w.fail(w.watch(background)) })

	engine := w.newEngine()
	err := engine.Start()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-w.failure:
		}
		w.log.Info("stopping: shards drain and their leases are released")
		w.leases.Stop()
		close(w.stopping)
		engine.Shutdown() // waits for the shard consumers, each of which is bounded by the grace
	}
	cancel()
	loops.Wait()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer done()
	if closeErr := w.leases.Close(closing); closeErr != nil {
		w.log.WithError(closeErr).Warn("worker not removed from the lease table, others fence it")
	}
	return err
}

// fail records the first error that ends the worker.
func (w *Worker) fail(err error) {
	if err != nil {
		select {
		case w.failure <- err:
		default:
		}
	}
}
