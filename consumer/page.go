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

// page is what the status server shows of this process.
type page struct {
	cfg      *Config
	workerID string
	started  time.Time

	mu      sync.Mutex
	worker  *kcl.Worker     // nil while the consumer still makes sure of what it needs
	begun   time.Time       // of the worker
	objects []status.Object // newest first
}

func newPage(cfg *Config, workerID string) *page {
	return &page{cfg: cfg, workerID: workerID, started: time.Now()}
}

// begin notes the worker once it has what it needs.
func (p *page) begin(worker *kcl.Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worker, p.begun = worker, time.Now()
}

func (p *page) working() (worker *kcl.Worker, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.worker, p.begun
}

// committed notes a link.
func (p *page) committed(link warehouse.Link, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := status.Object{Key: link.Key(), Committed: time.Now(), Records: link.Records, Bytes: bytes}
	p.objects = slices.Insert(p.objects, 0, o)
	p.objects = p.objects[:min(objectsShown, len(p.objects))]
}

// Healthy implements [status.Source]. The lease table is read at least every fifth of a lease duration, so two
// whole ones mean that the loop stands, or that DynamoDB has been out of reach for as long. Before
// that nothing needs a restart: a start that does not succeed ends by itself.
func (p *page) Healthy() error {
	worker, last := p.working()
	if worker == nil {
		return nil
	}
	if synced := worker.Synced(); !synced.IsZero() {
		last = synced
	}
	if since := time.Since(last); since > 2*p.cfg.LeaseDuration+time.Minute {
		return fmt.Errorf("the lease table was not read for %v", since.Round(time.Second))
	}
	return nil
}

// Ready implements [status.Source].
func (p *page) Ready() error {
	worker, _ := p.working()
	if worker == nil {
		return errors.New("starting: stream, bucket and lease table are not all there yet, see the log")
	}
	if worker.Synced().IsZero() {
		return errors.New("the lease table and the shards were not read yet")
	}
	return nil
}

// Worker implements [status.Source].
func (p *page) Worker() status.Worker {
	w := status.Worker{ID: p.workerID, Application: p.cfg.App, Stream: p.cfg.Stream, Started: p.started}
	if worker, _ := p.working(); worker != nil {
		for _, s := range worker.Shards() {
			w.Shards = append(w.Shards, status.Shard{ID: s.Lease.ShardID, LeaseCounter: s.Lease.Counter,
				Checkpoint: s.Lease.Checkpoint, Behind: s.Behind, Records: s.Records})
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Objects = slices.Clone(p.objects)
	return w
}
