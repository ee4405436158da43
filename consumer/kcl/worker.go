package kcl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
)

// Config is what a worker needs to know.
type Config struct {
	Stream      string
	Application string
	WorkerID    string
	Start       time.Time // pinned initial position of the application; zero: TRIM_HORIZON
	Lease       lease.Config
	// Grace bounds the drain of a shard: flush, commit and checkpoint, once its lease should be left. When it is
	// over, what was not committed is left to the shard's next owner. Stopping takes no longer than this and a
	// few seconds.
	Grace time.Duration
}

// NewPipeline makes the pipeline of a shard under a lease.
type NewPipeline func(shard types.Shard, l *lease.Lease) (*pipeline.Shard, error)

// Worker consumes the shards that its leases give it, on the engine of vmware-go-kcl-v2.
type Worker struct {
	cfg         Config
	aws         aws.Config
	client      *kinesis.Client
	catalog     *catalog
	leases      *lease.Manager
	newPipeline NewPipeline
	metrics     *Metrics
	log         *logrus.Entry
	stopping    chan struct{}
	failure     chan error // capacity 1

	mu       sync.Mutex
	sessions map[string]*session
}

// NewWorker wires a worker; nothing starts before [Worker.Run].
func NewWorker(cfg Config, awsCfg aws.Config, table lease.Table, newPipeline NewPipeline, leaseMetrics *lease.Metrics,
	metrics *Metrics, log *logrus.Entry) *Worker {
	client := awsclient.Kinesis(awsCfg, withProtocol)
	catalog := newCatalog(client, cfg.Stream, log)
	w := &Worker{
		cfg: cfg, aws: awsCfg, client: client, catalog: catalog, newPipeline: newPipeline, metrics: metrics, log: log,
		leases:   lease.NewManager(cfg.Lease, table, catalog, leaseMetrics, log),
		stopping: make(chan struct{}), failure: make(chan error, 1), sessions: map[string]*session{},
	}
	catalog.changed = w.leases.Poke
	return w
}

// Synced returns when the worker last saw the lease table and the shards; zero: never.
func (w *Worker) Synced() time.Time { return w.leases.Synced() }

// Refresh lists the stream's shards now instead of in half a minute; it does not wait for it.
func (w *Worker) Refresh() { w.catalog.Refresh() }

// ShardState is a shard that the worker reads now.
type ShardState struct {
	Lease   lease.Row
	Behind  time.Duration // millis behind latest, as the last page said
	Records uint64        // read since the lease was acquired
}

// Shards returns the shards that the worker reads, by name.
func (w *Worker) Shards() []ShardState {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make([]ShardState, 0, len(w.sessions))
	for _, s := range w.sessions {
		states = append(states, ShardState{s.lease.Row(), time.Duration(s.reader.behind.Load()) * time.Millisecond, s.reader.records.Load()})
	}
	slices.SortFunc(states, func(a, b ShardState) int { return cmp.Compare(a.Lease.ShardID, b.Lease.ShardID) })
	return states
}

// Run consumes until ctx ends or something happens that only a person can mend, which it returns. The order of
// the stop: take no more leases; every shard flushes, commits, checkpoints and releases, while its lease is still
// being renewed; the library's goroutines end; the worker leaves the table. A Worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { w.fail(w.catalog.run(background)) })
	loops.Go(func() { w.fail(w.leases.Run(background)) })

	engine := worker.NewWorker(w, w.engineConfig()).
		WithKinesis(awsclient.Kinesis(w.aws, w.withMiddleware)).
		WithCheckpointer(checkpointer{w})
	err := engine.Start()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-w.failure:
		}
		w.log.Info("stopping: shards drain and their leases are released")
		w.leases.Stop()
		close(w.stopping)
		engine.Shutdown() // waits for the sessions, each of which is bounded by the grace
	}
	cancel()
	loops.Wait()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer done()
	if closeErr := w.leases.Close(closing); closeErr != nil {
		w.log.WithError(closeErr).Warn("worker not removed from the lease table, it expires")
	}
	return err
}

// engineConfig sets the library's knobs: short turns, since the event loop is parked between them; every page to
// the processor; no waits of its own; no renewal and no stealing of its own.
func (w *Worker) engineConfig() *config.KinesisClientLibConfiguration {
	const never = math.MaxInt64 / int(time.Millisecond) // milliseconds; some 292 years
	c := config.NewKinesisClientLibConfig(w.cfg.Application, w.cfg.Stream, w.aws.Region, w.cfg.WorkerID).
		WithShardSyncIntervalMillis(10).
		WithIdleTimeBetweenReadsInMillis(1).
		WithCallProcessRecordsEvenForEmptyRecordList(true).
		WithLeaseRefreshWaitTime(never).
		WithLeaseStealing(false).
		WithLogger(quietLogger{w.log})
	return c
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

// begin starts the session of a shard whose lease was just acquired.
func (w *Worker) begin(l *lease.Lease) {
	id := l.ShardID()
	log := w.log.WithField("shard_id", id)
	s := newSession(l, w.cfg.Grace, log)
	s.reader = &reader{client: w.client, stream: w.cfg.Stream, shardID: id, start: w.cfg.Start, limit: firstPage, log: log, metrics: w.metrics}
	shard, ok := w.catalog.shard(id)
	if !ok {
		s.failed = fmt.Errorf("%w: %s", errGone, id)
	} else if s.shard, s.failed = w.newPipeline(shard, l); s.failed != nil {
		w.fail(s.failed)
	}
	w.mu.Lock()
	w.sessions[id] = s
	w.mu.Unlock()
}

func (w *Worker) session(shardID string) *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[shardID]
}

// ended forgets a session, unless the shard has been acquired again already.
func (w *Worker) ended(shardID string, s *session) {
	w.mu.Lock()
	if w.sessions[shardID] == s {
		delete(w.sessions, shardID)
		w.metrics.forget(shardID)
	}
	w.mu.Unlock()
	switch {
	case errors.Is(s.failed, errGone):
		w.catalog.Refresh() // which fails the worker if it is the stream that is gone
	case errors.Is(s.failed, warehouse.ErrFatal):
		w.fail(s.failed)
	}
}
