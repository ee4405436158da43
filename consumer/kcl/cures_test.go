package kcl_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// Defect 5. Seen to fail with a lease that ends at its first failed renewal.
func TestFailedRenewalsInsideTheTrustWindowAreInvisible(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.lease = 20 * time.Second // of which 6 are for renewals that fail: on a busy machine each takes half of one
	n := r.run("a")
	n.holds(2)
	r.put(100)
	testenv.Eventually(t, "no checkpoint", func() bool { // which would be tried again in the renewals' place
		return r.row("shardId-000000000000").Checkpoint != "" && r.row("shardId-000000000001").Checkpoint != ""
	})
	failing := r.dynamodb.Add(faults.Rule{Operation: "UpdateItem", Times: 8, Fault: faults.JSONError(500, "InternalServerError")})
	testenv.Eventually(t, "no renewal failed", func() bool { return failing.Hits() == 8 })
	r.put(100)
	r.verify()
	if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
		t.Errorf("%v leases lost", lost)
	}
}

// Defects 8, 11 and 15: start-up takes one listing, and an idle shard is asked about once a second, silently. Seen to fail
// when the library's listings go to Kinesis, when its event loop turns once a minute, when idle shards are read at full
// pace, and when what the library logs stands at its own level.
func TestQuickStartQuietRest(t *testing.T) {
	r := newRig(t, 16)
	n := r.run("a")
	n.holds(16)
	if lists := r.kinesis.Counts()["ListShards"]; lists > 2 {
		t.Errorf("%d ListShards calls to acquire 16 shards", lists)
	}
	time.Sleep(2 * time.Second)
	before := r.kinesis.Counts()["GetRecords"]
	time.Sleep(3 * time.Second)
	if reads := r.kinesis.Counts()["GetRecords"] - before; reads > 16*5 {
		t.Errorf("%d GetRecords in 3 s on 16 idle shards", reads)
	}
	for line := range strings.Lines(n.log.String()) {
		if !strings.Contains(line, "level=debug") && !strings.Contains(line, `"lease acquired"`) && !strings.Contains(line, `"shards listed"`) &&
			!strings.Contains(line, `"worker joins"`) && !strings.Contains(line, `"leases planned"`) {
			t.Errorf("log line at rest: %s", line)
		}
	}
}

// Defect 10. Seen to fail when FetchCheckpoint names this worker as the owner, and when GetLease does before it has the
// lease.
func TestShardIsConsumedAfterAFailedAcquisition(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Fault{
		"refused": faults.JSONError(500, "InternalServerError"),
		"lost":    faults.Lose(faults.Drop()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2)
			r.put(50)
			r.dynamodb.Add(faults.Rule{Operation: "UpdateItem", Skip: 2, Times: 9, Fault: fault}) // pin and presence pass
			r.run("a")
			r.verify()
		})
	}
}

// Defect 18. Seen to fail without the recover in consume.
func TestPanicInThePipelineStopsOnlyThatShard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	var panics atomic.Int32
	r.onCommit = func(int) {
		if panics.Add(1) <= 2 {
			panic("on purpose")
		}
	}
	r.put(50)
	n := r.run("a")
	r.verify()
	r.put(50)
	r.verify()
	if panics.Load() < 3 || !strings.Contains(n.log.String(), "stopped by a panic") {
		t.Errorf("%d panics", panics.Load())
	}
}

// Defect 18, in the two other steps of a shard's life that commit: the end of a closed shard, and the drain before the
// lease is released. Seen to fail without the recover in consume.
func TestPanicWhileAShardDrainsStopsOnlyThatShard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.flush = time.Hour
	var panics atomic.Int32
	r.onCommit = func(records int) {
		if records > 0 && panics.Add(1) <= 2 {
			panic("on purpose")
		}
	}
	r.put(50)
	a := r.run("a")
	r.read(50, a)
	r.split("shardId-000000000000", "85070591730234615865843651857942052864") // 2^126, in the lower half
	a.holds(2)
	if panics.Load() != 1 {
		t.Errorf("%d panics at the end of the closed shard", panics.Load())
	}
	r.put(50)
	r.read(100, a)
	a.stop()
	if panics.Load() < 2 {
		t.Errorf("%d panics after the drain of its children", panics.Load())
	}
	r.flush = 300 * time.Millisecond
	r.run("b")
	r.verify()
}

// Defect 19, and the bound of the stop: S3 hangs, and the worker ends all the same, with its leases released. Seen
// to fail with a drain that has no deadline, and with a renewal that waits.
func TestHangingS3BlocksNeitherRenewalNorExit(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.lease = 6 * time.Second
	n := r.run("a")
	n.holds(2)
	hanging := r.s3.Add(faults.Rule{Operation: "PUT", Fault: faults.Hang()})
	r.put(50)
	testenv.Eventually(t, "no commit hangs", func() bool { return hanging.Hits() >= 2 })
	before := r.heartbeats()
	time.Sleep(2 * r.lease)
	if beats := r.heartbeats() - before; beats < 2 {
		t.Errorf("%d heartbeats in two lease durations while S3 hung", beats)
	}
	if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
		t.Errorf("%v leases lost while S3 hung", lost)
	}
	n.stop()
	for _, shard := range []string{"shardId-000000000000", "shardId-000000000001"} {
		if row := r.row(shard); row.Owner != "" {
			t.Errorf("not released: %+v", row)
		}
	}
	r.s3.Clear()
	r.run("b")
	r.verify()
}

// Defect 20. The bucket can't be listed for longer than the lease lasts. Seen to fail when renewal starts once the shard is
// open.
func TestSlowStartOfAShardKeepsItsLease(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.lease = 6 * time.Second
	r.put(50)
	slow := r.s3.Add(faults.Rule{Operation: "LIST", Fault: faults.XMLError(500, "InternalError")})
	a := r.run("a")
	a.holds(1)
	b := r.run("b")
	time.Sleep(2 * r.lease)
	slow.Remove()
	r.verify()
	if gained := a.metric("callevents_leases_gained_total") + b.metric("callevents_leases_gained_total"); gained != 1 {
		t.Errorf("%v leases gained, want 1", gained)
	}
}

// A worker that is cut off from DynamoDB goes on being a zombie of the stock library; ours discards, and what the
// two have in common is in one object. Seen to fail when the end of the trust window and another owner in the row are both
// ignored.
func TestWorkerCutOffFromTheTableIsFenced(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.lease = 3 * time.Second
	a := r.run("a")
	a.holds(2)
	r.put(100)
	cutOff := r.dynamodb
	r.dynamodb = r.proxy(testenv.DynamoDB(t)) // b's way
	cutOff.Down()
	r.put(100)
	b := r.run("b")
	b.holds(2)
	r.put(100)
	r.verify()
	if err := cutOff.Up(); err != nil {
		t.Fatal(err)
	}
	a.holds(1)
	b.holds(1)
	r.put(100)
	r.verify()
}
