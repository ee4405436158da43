package kcl_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/shared/testenv"
)

// node is a worker that runs.
type node struct {
	rig      *rig
	id       string
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	registry *prometheus.Registry
	log      *logBuffer
	worker   *kcl.Worker
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// stop ends a worker in order and waits for it.
func (n *node) stop() {
	n.cancel()
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		n.rig.t.Error("worker " + n.id + " does not end")
	}
}

// metric sums a metric over its labels.
func (n *node) metric(name string) (sum float64) {
	families, err := n.registry.Gather()
	if err != nil {
		n.rig.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// holds waits until the worker holds n leases.
func (n *node) holds(want int) {
	n.rig.t.Helper()
	testenv.Eventually(n.rig.t, fmt.Sprintf("%s does not come to hold %d leases", n.id, want),
		func() bool { return n.metric("callevents_leases_held") == float64(want) })
}
