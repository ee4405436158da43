package main

import (
	"errors"
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
	objects []status.Object // newest first
}

func newInstance(cfg *Config, workerID string) *instance {
	return &instance{cfg: cfg, workerID: workerID, started: time.Now()}
}

// begin notes the worker once it has what it needs.
func (i *instance) begin(worker *kcl.Worker) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.worker = worker
}

func (i *instance) working() *kcl.Worker {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.worker
}

// committed notes a link.
func (i *instance) committed(link warehouse.Link, bytes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	o := status.Object{Key: link.Key(), Committed: time.Now(), Records: link.Records, Bytes: bytes}
	i.objects = slices.Insert(i.objects, 0, o)
	i.objects = i.objects[:min(objectsShown, len(i.objects))]
}

// Healthy implements [status.Source]: it is about the loops of this process, and not about AWS. Before the worker there
// is none: a start that does not succeed ends by itself.
func (i *instance) Healthy() error {
	if worker := i.working(); worker != nil {
		return worker.Standing()
	}
	return nil
}

// Ready implements [status.Source], with a line for each shard that stands still.
func (i *instance) Ready() error {
	worker := i.working()
	if worker == nil {
		return errors.New("starting: stream, bucket and lease table are not all there yet, see the log")
	}
	if worker.Synced().IsZero() {
		return errors.New("the lease table and the shards were not read yet")
	}
	var blocked []error
	for _, b := range worker.Blocked() {
		blocked = append(blocked, b)
	}
	return errors.Join(blocked...)
}

// Worker implements [status.Source].
func (i *instance) Worker() status.Worker {
	w := status.Worker{ID: i.workerID, Application: i.cfg.App, Stream: i.cfg.Stream, Started: i.started}
	if worker := i.working(); worker != nil {
		blocked := map[string]string{}
		for _, b := range worker.Blocked() {
			blocked[b.Shard] = b.Error()
		}
		for _, s := range worker.Shards() {
			w.Leases = append(w.Leases, status.Lease{ShardID: s.Lease.ShardID, LeaseCounter: s.Lease.Counter,
				Checkpoint: s.Lease.Checkpoint, Behind: s.Behind.Truncate(time.Second), Records: s.Records,
				Uncommitted: s.Uncommitted.Truncate(time.Second), Blocked: blocked[s.Lease.ShardID]})
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Objects = slices.Clone(i.objects)
	return w
}
