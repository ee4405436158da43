package kcl_test

import (
	"testing"
	"time"
)

func TestOneWorkerWarehousesFourShards(t *testing.T) {
	r := newRig(t, 4)
	r.put(400)
	n := r.run("a")
	r.put(400)
	r.verify()
	n.stop()
	if n.err != nil {
		t.Error(n.err)
	}
	r.verify()
}

// Scaling out and in, in order: nothing is replayed, so nothing is ever adopted.
func TestWorkersJoinAndLeaveWithoutReplay(t *testing.T) {
	r := newRig(t, 4)
	r.flush = time.Hour // only hand-overs write
	a := r.run("a")
	a.holds(4)
	r.put(400)
	r.read(400, a)
	b := r.run("b")
	a.holds(2)
	b.holds(2)
	r.put(400)
	r.read(800, a, b)
	b.stop()
	a.holds(4)
	r.put(200)
	r.read(1000, a, b)
	a.stop()
	r.verify()
	if adopted := a.metric("callevents_adopted_links_total") + b.metric("callevents_adopted_links_total"); adopted != 0 {
		t.Errorf("%v links adopted", adopted)
	}
}
