package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/status"
	"example.com/callevents/consumer/warehouse"
)

// objectsShown is how many of the newest objects the status page lists.
const objectsShown = 20

// instance is this process, as the status page shows it.
type instance struct {
	cfg      *Config
	workerID string
	started  time.Time

	mu      sync.Mutex
	worker  *kcl.Worker     // nil while the consumer still makes sure of what it needs
	begun   time.Time       // of the worker
	objects []status.Object // newest first
}

func newInstance(cfg *Config, workerID string) *instance {
	return &instance{cfg: cfg, workerID: workerID, started: time.Now()}
}

// begin notes the worker once it has what it needs.
func (i *instance) begin(worker *kcl.Worker) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.worker, i.begun = worker, time.Now()
}

func (i *instance) working() (worker *kcl.Worker, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.worker, i.begun
}

// committed notes a link.
func (i *instance) committed(link warehouse.Link, bytes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	o := status.Object{Key: link.Key(), Committed: time.Now(), Records: link.Records, Bytes: bytes}
	i.objects = slices.Insert(i.objects, 0, o)
	i.objects = i.objects[:min(objectsShown, len(i.objects))]
}

// Healthy implements [status.Source]. The lease table is read at least every fifth of a lease duration, so two
// whole ones mean that the loop stands, or that DynamoDB has been out of reach for as long. Before
// that nothing needs a restart: a start that does not succeed ends by itself.
func (i *instance) Healthy() error {
	worker, last := i.working()
	if worker == nil {
		return nil
	}
	if synced := worker.Synced(); !synced.IsZero() {
		last = synced
	}
	if since := time.Since(last); since > 2*i.cfg.LeaseDuration+time.Minute {
		return fmt.Errorf("the lease table was not read for %v", since.Round(time.Second))
	}
	return nil
}

// Ready implements [status.Source].
func (i *instance) Ready() error {
	worker, _ := i.working()
	if worker == nil {
		return errors.New("starting: stream, bucket and lease table are not all there yet, see the log")
	}
	if worker.Synced().IsZero() {
		return errors.New("the lease table and the shards were not read yet")
	}
	return nil
}

// Worker implements [status.Source].
func (i *instance) Worker() status.Worker {
	w := status.Worker{ID: i.workerID, Application: i.cfg.App, Stream: i.cfg.Stream, Started: i.started}
	if worker, _ := i.working(); worker != nil {
		for _, s := range worker.Shards() {
			w.Leases = append(w.Leases, status.Lease{ShardID: s.Lease.ShardID, LeaseCounter: s.Lease.Counter,
				Checkpoint: s.Lease.Checkpoint, Behind: s.Behind, Records: s.Records})
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Objects = slices.Clone(i.objects)
	return w
}
