package kcl_test

import (
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv/faults"
)

// Seen to fail when the end of each page is not processed.
func TestOneWorkerWarehousesFourShards(t *testing.T) {
	t.Parallel()
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

// Scaling out and in, in order: nothing is replayed, so nothing is ever adopted. Seen to fail without the drain, and with
// a release before it.
func TestWorkersJoinAndLeaveWithoutReplay(t *testing.T) {
	t.Parallel()
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

// A shard's range of sequence numbers includes its start, and kinesalite gives it to the first record that comes in the
// second of a split. Seen to fail when the chain began after StartingSequenceNumber.
func TestFirstRecordMayCarryTheShardsStartingSequenceNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.put(3)
	first := strings.Split(strings.SplitN(r.ledger.String(), "\n", 2)[0], ",")[2]
	r.kinesis.Add(faults.Rule{Operation: "ListShards", Fault: edit(func(answer map[string]any) {
		shard := answer["Shards"].([]any)[0].(map[string]any)
		shard["SequenceNumberRange"].(map[string]any)["StartingSequenceNumber"] = first
	})})
	r.run("a")
	r.verify()
}
