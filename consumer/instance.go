package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/cli"
)

// instance is this process, as the status page shows it: what it knows of itself, and what the lease table tells of others.
type instance struct {
	cfg      *Config
	workerID string
	lookout  *fleet.Lookout
	metrics  prometheus.Gatherer

	mu     sync.Mutex
	worker *kcl.Worker // nil while the consumer still makes sure of what it needs
	region string
	stored string // where objects go
	listed []fleet.Listed
	at     time.Time // of the listing that listed was made of
}

func newInstance(cfg *Config, workerID string, metrics prometheus.Gatherer) *instance {
	lookout := fleet.New(fleet.Config{Application: cfg.App, Stream: cfg.Stream, Worker: workerID, Version: cli.ShortVersion(), Started: time.Now()})
	return &instance{cfg: cfg, workerID: workerID, lookout: lookout, metrics: metrics}
}

// begin notes the worker once it has what it needs.
func (i *instance) begin(worker *kcl.Worker, table fleet.Table, region, stored string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.worker, i.region, i.stored = worker, region, stored
	i.lookout.Watch(table)
}

func (i *instance) working() *kcl.Worker {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.worker
}

// committed notes a link.
func (i *instance) committed(link warehouse.Link, bytes int) {
	i.lookout.Stored(fleet.Object{Key: link.Key(), Shard: link.Shard, Records: link.Records, Bytes: bytes})
}

// watch samples the worker until ctx ends.
func (i *instance) watch(ctx context.Context) { i.lookout.Run(ctx, i.own) }

// own is what the worker knows exactly.
func (i *instance) own() fleet.Own {
	worker := i.working()
	own := fleet.Own{Listed: i.listing(worker), Retention: worker.Retention()}
	stands := map[string]*fleet.Standstill{}
	for _, b := range worker.Blocked() {
		stands[b.Shard] = &fleet.Standstill{Reason: b.Reason, Since: b.Since}
		if b.Err != nil {
			stands[b.Shard].Error = b.Err.Error()
		}
	}
	own.All = stands[kcl.All]
	for _, s := range worker.Shards() {
		own.Shards = append(own.Shards, fleet.OwnShard{ID: s.Lease.ShardID, Records: s.Records, Behind: s.Behind, Oldest: s.Uncommitted,
			Blocked: stands[s.Lease.ShardID], Counter: s.Lease.Counter, Position: s.Lease.Checkpoint})
	}
	return own
}

// listing makes the fleet's list of shards anew when the worker has listed them anew.
func (i *instance) listing(worker *kcl.Worker) []fleet.Listed {
	shards, at := worker.Listed()
	i.mu.Lock()
	defer i.mu.Unlock()
	if at.After(i.at) {
		i.listed, i.at = fleet.FromKinesis(shards), at
	}
	return i.listed
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

// View implements [status.Source].
func (i *instance) View(ctx context.Context) fleet.View {
	v := i.lookout.View(ctx)
	i.mu.Lock()
	v.Region, v.StoredIn = i.region, i.stored
	i.mu.Unlock()
	v.Health, v.Ready = state(i.Healthy()), state(i.Ready())
	v.DeadLetters = i.deadLetters()
	if i.working() == nil {
		v.Starts("stream, bucket and lease table are not all there yet")
	}
	return v
}

func state(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// deadLetters are those that this worker stored, by reason, as the metric counts them.
func (i *instance) deadLetters() []fleet.Rejection {
	found := []fleet.Rejection{}
	families, _ := i.metrics.Gather() // what cannot be gathered is told by /metrics
	for _, family := range families {
		if family.GetName() != "callevents_records_rejected_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if n := uint64(m.GetCounter().GetValue()); n > 0 && len(m.GetLabel()) == 1 {
				found = append(found, fleet.Rejection{Reason: m.GetLabel()[0].GetValue(), Records: n})
			}
		}
	}
	slices.SortFunc(found, func(a, b fleet.Rejection) int { return int(b.Records) - int(a.Records) })
	return found
}
