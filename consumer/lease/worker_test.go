package lease_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/lease"
)

// testWorker is one worker of a cluster.
type testWorker struct {
	name     string
	leases   *lease.Leases
	cancel   context.CancelFunc
	killed   context.Context
	kill     context.CancelFunc
	done     sync.WaitGroup
	stopped  sync.WaitGroup
	table    *door
	listed   *shards
	deaf     atomic.Bool // its reads hang
	registry *prometheus.Registry
}

// id is what the table has for its owner now.
func (w *testWorker) id() string {
	id, _ := w.leases.Life()
	return id
}

// counter returns the sum of a worker's metric over its labels.
func counter(t testing.TB, w *testWorker, name string) (sum float64) { return labelled(t, w, name, "") }

// labelled sums only what has the label value, if there is one.
func labelled(t testing.TB, w *testWorker, name, value string) (sum float64) {
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

// pause holds the worker's requests back; resume lets them through, late.
func (w *testWorker) pause() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	if w.table.paused == nil {
		w.table.paused = make(chan struct{})
	}
}

func (w *testWorker) pauseFor(d time.Duration) {
	w.pause()
	time.AfterFunc(d, w.resume)
}

func (w *testWorker) resume() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	if w.table.paused != nil {
		close(w.table.paused)
		w.table.paused = nil
	}
}
