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
	worker   *kcl.Worker

	mu      sync.Mutex
	objects []status.Object // newest first
}

func newPage(cfg *Config, workerID string) *page {
	return &page{cfg: cfg, workerID: workerID, started: time.Now()}
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
// whole ones mean that the loop stands, or that DynamoDB has been out of reach for as long.
func (p *page) Healthy() error {
	last := p.worker.Synced()
	if last.IsZero() {
		last = p.started
	}
	if since := time.Since(last); since > 2*p.cfg.LeaseDuration+time.Minute {
		return fmt.Errorf("the lease table was not read for %v", since.Round(time.Second))
	}
	return nil
}

// Ready implements [status.Source].
func (p *page) Ready() error {
	if p.worker.Synced().IsZero() {
		return errors.New("the lease table and the shards were not read yet")
	}
	return nil
}

// Worker implements [status.Source].
func (p *page) Worker() status.Worker {
	w := status.Worker{ID: p.workerID, Application: p.cfg.App, Stream: p.cfg.Stream, Started: p.started}
	for _, s := range p.worker.Shards() {
		w.Shards = append(w.Shards, status.Shard{ID: s.Lease.ShardID, LeaseCounter: s.Lease.Counter,
			Checkpoint: s.Lease.Checkpoint, Behind: s.Behind, Records: s.Records})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Objects = slices.Clone(p.objects)
	return w
}
