package kcl_test

import (
	"crypto/md5"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// Defect 5. Seen to fail with a lease that ends at its first failed renewal.
func TestFailedRenewalsInsideTheTrustWindowAreInvisible(t *testing.T) {
	r := newRig(t, 2)
	n := r.run("a")
	n.holds(2)
	r.put(100)
	failing := r.dynamodb.Add(faults.Rule{Operation: "UpdateItem", Times: 8, Fault: faults.JSONError(500, "InternalServerError")})
	testenv.Eventually(t, "no renewal failed", func() bool { return failing.Hits() == 8 })
	r.put(100)
	r.verify()
	if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
		t.Errorf("%v leases lost", lost)
	}
}

// Defects 5 and 14. Seen to fail with a reader that returns its errors to the library.
func TestFailingReadsAreOutlasted(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"shard iterator refused": {Operation: "GetShardIterator", Times: 4, Fault: faults.JSONError(400, "InvalidArgumentException")},
		"records refused":        {Operation: "GetRecords", Times: 7, Fault: faults.JSONError(500, "InternalFailure")},
		"throttled":              {Operation: "GetRecords", Times: 6, Fault: faults.JSONError(400, "ProvisionedThroughputExceededException")},
		"iterator expired":       {Operation: "GetRecords", Skip: 2, Times: 3, Fault: faults.JSONError(400, "ExpiredIteratorException")},
		"answer lost":            {Operation: "GetRecords", Times: 6, Fault: faults.Lose(faults.Drop())},
		"answer cut":             {Operation: "GetRecords", Times: 3, Fault: faults.Cut()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			r.put(50)
			struck := r.kinesis.Add(rule)
			n := r.run("a")
			r.put(50)
			r.verify()
			testenv.Eventually(t, "the fault never struck", func() bool { return struck.Hits() == rule.Times })
			r.put(50)
			r.verify()
			if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
				t.Errorf("%v leases lost over reads", lost)
			}
		})
	}
}

// Defects 14 and 19: a call that never answers neither stops the shard for good nor the end of the process.
func TestHangingReadEndsWithTheProcess(t *testing.T) {
	r := newRig(t, 1)
	n := r.run("a")
	n.holds(1)
	hanging := r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: faults.Hang()})
	testenv.Eventually(t, "no call hangs", func() bool { return hanging.Hits() > 0 })
	n.stop()
	if row := r.row("shardId-000000000000"); row.Owner != "" {
		t.Errorf("not released: %+v", row)
	}
}

// Defect 7. Seen to fail with an initial position of LATEST for children, and with one that is not pinned.
func TestSplitAndMergeLoseNothingThatCameAfterTheFirstStart(t *testing.T) {
	r := newRig(t, 2)
	r.putRaw([]byte(`{"user":{"user_id":"1"}}`)) // before the first start
	time.Sleep(time.Second)                      // the resolution of AT_TIMESTAMP
	r.start = time.Now()
	time.Sleep(time.Second)
	a := r.run("a")
	r.put(100)
	a.stop()
	r.put(100)                                                                // into the old shards, read by nobody
	r.split("shardId-000000000000", "85070591730234615865843651857942052864") // 2^126, the middle
	r.put(100)                                                                // into the children, read by nobody
	b := r.run("b")
	r.put(100)
	r.merge("shardId-000000000002", "shardId-000000000003")
	r.put(100)
	r.verify()
	b.holds(2)
	if row := r.row("shardId-000000000003"); row.Checkpoint != lease.ShardEnd {
		t.Errorf("merged parent: %+v", row)
	}
}

func (r *rig) split(shard, at string) {
	r.t.Helper()
	_, err := r.client.SplitShard(r.t.Context(), &kinesis.SplitShardInput{StreamName: &r.stream, ShardToSplit: &shard, NewStartingHashKey: &at})
	r.active(err)
}

func (r *rig) merge(a, b string) {
	r.t.Helper()
	_, err := r.client.MergeShards(r.t.Context(), &kinesis.MergeShardsInput{StreamName: &r.stream, ShardToMerge: &a, AdjacentShardToMerge: &b})
	r.active(err)
}

func (r *rig) active(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	testenv.Eventually(r.t, "stream does not become ACTIVE", func() bool {
		out, err := r.client.DescribeStreamSummary(r.t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream})
		return err == nil && out.StreamDescriptionSummary.StreamStatus == "ACTIVE"
	})
}

// Defects 8 and 15: start-up takes one listing, and an idle shard is asked about once a second, silently.
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
		if !strings.Contains(line, "level=debug") && !strings.Contains(line, `"lease gained"`) && !strings.Contains(line, `"shards listed"`) {
			t.Errorf("log line at rest: %s", line)
		}
	}
}

// Defect 10. Seen to fail when FetchCheckpoint names this worker as the owner.
func TestShardIsConsumedAfterAFailedAcquisition(t *testing.T) {
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

// Defect 12. Seen to fail without escape: the library drops the page, or panics.
func TestBrokenContainersCostNothingElse(t *testing.T) {
	r := newRig(t, 1)
	n := r.run("a")
	r.put(10)
	for _, message := range [][]byte{
		{0xff, 0xff, 0xff},                               // no protobuf
		{0x1a, 0x05, 0x08, 0x07, 0x1a, 0x01, 'x'},        // partition key index 7 of none
		append([]byte{0x0a, 0x01, 'k'}, []byte{0x1a}...), // truncated
	} {
		digest := md5.Sum(message)
		r.putRaw(append(append([]byte{0xf3, 0x89, 0x9a, 0xc2}, message...), digest[:]...))
	}
	r.putRaw([]byte{0x00, 0xf3})
	r.put(10)
	r.verify()
	if letters := r.report().DeadLetters; letters < 4 {
		t.Errorf("%d dead letters", letters)
	}
	if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
		t.Errorf("%v leases lost", lost)
	}
}

// Defect 16. Seen to fail with a catalog that believes every listing. One listing lacks a shard.
func TestListingThatLacksAShardCostsNothing(t *testing.T) {
	r := newRig(t, 2)
	n := r.run("a")
	n.holds(2)
	r.put(50)
	r.verify()
	struck := r.kinesis.Add(faults.Rule{Operation: "ListShards", Times: 1, Fault: edit(func(answer map[string]any) {
		answer["Shards"] = answer["Shards"].([]any)[:1]
	})})
	n.worker.Refresh()
	testenv.Eventually(t, "not listed", func() bool { return struck.Hits() == 1 })
	time.Sleep(time.Second)
	n.worker.Refresh()
	r.put(50)
	r.verify()
	if gained := n.metric("callevents_leases_gained_total"); gained != 2 {
		t.Errorf("%v leases gained, want the 2 of the start", gained)
	}
	if row := r.row("shardId-000000000001"); row.Owner != "a" {
		t.Errorf("row %+v", row)
	}
}

// edit changes the server's JSON answer.
func edit(change func(answer map[string]any)) faults.Fault {
	return func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
		req.Header.Del("Accept-Encoding")
		recorder := httptest.NewRecorder()
		pass.ServeHTTP(recorder, req)
		var answer map[string]any
		decoder := json.NewDecoder(recorder.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&answer); err == nil {
			change(answer)
		}
		w.Header().Set("Content-Type", recorder.Header().Get("Content-Type"))
		w.WriteHeader(recorder.Code)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// Defect 18: nil MillisBehindLatest ends the stock process.
func TestAnswerWithoutMillisBehindLatest(t *testing.T) {
	r := newRig(t, 1)
	struck := r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: edit(func(answer map[string]any) {
		delete(answer, "MillisBehindLatest")
	})})
	r.put(20)
	r.run("a")
	r.verify()
	if struck.Hits() == 0 {
		t.Error("no answer was changed")
	}
}

// Defect 18. Seen to fail without the recover in process.
func TestPanicInThePipelineStopsOnlyThatShard(t *testing.T) {
	r := newRig(t, 2)
	var panics atomic.Int32
	r.onCommit = func() {
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

// Defect 19, and the bound of the stop: S3 hangs, and the worker ends all the same, with its leases released. Seen
// to fail with a drain that has no deadline.
func TestHangingS3BlocksNeitherRenewalNorExit(t *testing.T) {
	r := newRig(t, 2)
	n := r.run("a")
	n.holds(2)
	hanging := r.s3.Add(faults.Rule{Operation: "PUT", Fault: faults.Hang()})
	r.put(50)
	testenv.Eventually(t, "no commit hangs", func() bool { return hanging.Hits() >= 2 })
	time.Sleep(2 * r.lease)
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

// Defect 20. Seen to fail when renewal starts with the first page. The first listing of the bucket takes longer than
// the lease.
func TestSlowStartOfAShardKeepsItsLease(t *testing.T) {
	r := newRig(t, 1)
	r.lease = 2 * time.Second
	r.put(50)
	r.s3.Add(faults.Rule{Operation: "LIST", Times: 6, Fault: faults.Delay(900 * time.Millisecond)})
	a := r.run("a")
	a.holds(1)
	b := r.run("b")
	r.verify()
	if gained := a.metric("callevents_leases_gained_total") + b.metric("callevents_leases_gained_total"); gained != 1 {
		t.Errorf("%v leases gained, want 1", gained)
	}
}

// A worker that is cut off from DynamoDB goes on being a zombie of the stock library; ours discards, and what the
// two have in common is in one object.
func TestWorkerCutOffFromTheTableIsFenced(t *testing.T) {
	r := newRig(t, 2)
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

// The stream's end is an error that a person reads, not a loop.
func TestDeletedStreamEndsTheWorker(t *testing.T) {
	r := newRig(t, 1)
	n := r.run("a")
	n.holds(1)
	if _, err := r.client.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String(r.stream)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the worker goes on")
	}
	if n.err == nil || !strings.Contains(n.err.Error(), "does not exist any more") {
		t.Errorf("ended with %v", n.err)
	}
}
