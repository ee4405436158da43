package kcl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// reasons returns why shards stand still, as the metric has it: "shard reason".
func (n *node) reasons() map[string]bool {
	n.rig.t.Helper()
	families, err := n.registry.Gather()
	if err != nil {
		n.rig.t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "callevents_shard_blocked" && m.GetGauge().GetValue() == 1 {
				reasons[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = true // labels come sorted by name
			}
		}
	}
	return reasons
}

const (
	first  = "shardId-000000000000"
	second = "shardId-000000000001"
)

// Every service in every way, from the start and later. Seen to fail without the calls of Waits and Failed in the reader,
// in open, in create and around the lease table.
func TestEveryStandstillIsTold(t *testing.T) {
	t.Parallel()
	kinds := map[string]faults.Fault{
		"hangs": faults.Hang(), "cut": faults.Cut(), "slow": faults.Delay(time.Minute), "dropped": faults.Drop(),
	}
	for name, code := range map[string]string{"denied": "AccessDeniedException", "throttled": "ProvisionedThroughputExceededException",
		"key disabled": "KMSDisabledException", "key denied": "KMSAccessDeniedException"} {
		kinds["json "+name] = faults.JSONError(400, code)
	}
	kinds["json fails"] = faults.JSONError(500, "InternalServerError")
	for name, status := range map[string]int{"denied": 403, "fails": 500, "throttled": 503} {
		kinds["xml "+name] = faults.XMLError(status, map[int]string{403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}[status])
	}
	for name, fault := range kinds {
		denied := strings.HasSuffix(name, "denied") || strings.HasSuffix(name, "disabled")
		if !strings.HasPrefix(name, "xml") {
			reason := stall.KinesisFailing
			if denied {
				reason = stall.KinesisDenied
			}
			standstill(t, "GetRecords "+name, faults.Rule{Operation: "GetRecords", Fault: fault}, first, reason)
			standstill(t, "GetShardIterator "+name, faults.Rule{Operation: "GetShardIterator", Fault: fault}, first, reason)
			if !strings.Contains(name, "key") {
				standstill(t, "table "+name, faults.Rule{Operation: "BatchGetItem", Fault: fault}, "*", stall.TableFailing)
			}
		}
		if !strings.HasPrefix(name, "json") && name != "cut" { // S3's answers are too short to be cut
			reason := stall.S3Failing
			if denied {
				reason = stall.S3Denied
			}
			standstill(t, "PUT "+name, faults.Rule{Operation: "PUT", Fault: fault}, first, reason)
			standstill(t, "LIST "+name, faults.Rule{Operation: "LIST", Fault: fault}, first, reason)
		}
	}
}

// standstill lets the service that serves the rule's operation fail until that is told, from the start of a worker, and,
// where the operation is made all the time, under one that works.
func standstill(t *testing.T, name string, rule faults.Rule, shard string, want stall.Reason) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		r := newRig(t, 1)
		r.stall = 2 * time.Second
		proxy := r.kinesis
		switch rule.Operation {
		case "PUT", "LIST":
			proxy = r.s3
		case "BatchGetItem":
			proxy, r.lease = r.dynamodb, 3*time.Second
		}
		r.put(10)
		told := func(n *node) {
			began := time.Now()
			defer func() { t.Logf("told after %v", time.Since(began).Round(time.Second)) }()
			testenv.Eventually(t, "not told: "+shard+" "+string(want), func() bool { return n.reasons()[shard+" "+string(want)] })
			if rule.Operation != "BatchGetItem" {
				// What only a person can mend is told at once, so a second may not have passed yet.
				testenv.Eventually(t, "not behind, though nothing is read",
					func() bool { return n.metric("callevents_millis_behind_latest") > 1500 })
			}
			testenv.Eventually(t, "no Error in the log", func() bool {
				return strings.Contains(n.log.String(), "level=error msg=\"shard stands still: "+want.Advice())
			})
		}
		failing := proxy.Add(rule)
		n := r.run("a")
		told(n)
		failing.Remove()
		r.verify()
		testenv.Eventually(t, "still told", func() bool { return len(n.reasons()) == 0 })
		if rule.Operation == "GetShardIterator" || rule.Operation == "LIST" {
			return // asked for once
		}
		failing = proxy.Add(rule)
		r.put(10)
		told(n)
		failing.Remove()
		r.verify()
	})
}

// An object at one tip that is not ours blocks that shard, and no other. Seen to fail when the worker ends with it, and
// when the shard is not tried again.
func TestForeignObjectBlocksOneShard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		metadata map[string]string
		want     stall.Reason
	}{
		"a copy without metadata": {nil, stall.BadObject},
		"another application's": {map[string]string{"application": "other", "stream": "other", "shard": first, "previous": "0", "last": "0",
			"next-day": "2026-11-24", "records": "0", "rejected": "0", "format": "ndjson.gz", "writer": "w"}, stall.ForeignObject},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2)
			r.stall = time.Second
			// A day that no link has yet is where the search for the tip looks first.
			key := warehouse.Place{Shard: first, Previous: "0", Day: "2999-01-01"}.Key("records/", warehouse.NDJSONGzip)
			if c.metadata != nil {
				c.metadata["next-day"] = "2999-01-02"
			}
			_, err := r.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.bucket, Key: &key, Metadata: c.metadata})
			if err != nil {
				t.Fatal(err)
			}
			n := r.run("a")
			testenv.Eventually(t, "not told", func() bool { return n.reasons()[first+" "+string(c.want)] })
			r.put(100)
			testenv.Eventually(t, "the other shard is not read", func() bool { return n.metric("callevents_records_committed_total") > 0 })
			if n.reasons()[second+" "+string(c.want)] {
				t.Error("the other shard is blocked, too")
			}
			if _, err := r.objects.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.bucket, Key: aws.String(key)}); err != nil {
				t.Fatal(err)
			}
			r.verify()
		})
	}
}

// A worker whose shards all wait for a person ends, so that somebody notices. Seen to fail when it goes on.
func TestWorkerWithNothingButBlockedShardsEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.lease, r.stall = 2*time.Second, time.Second
	key := warehouse.Place{Shard: first, Previous: "0", Day: "2999-01-01"}.Key("records/", warehouse.NDJSONGzip)
	if _, err := r.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	n := r.run("a")
	select {
	case <-n.done:
	case <-time.After(time.Minute):
		t.Fatal("the worker goes on")
	}
	if n.err == nil || !strings.Contains(n.err.Error(), string(stall.BadObject)) || !strings.Contains(n.err.Error(), "move it away") {
		t.Errorf("ended with: %v", n.err)
	}
}

// Kinesis does not know a shard that it lists. Seen to fail when the shard is acquired again each second.
func TestShardThatKinesisDoesNotKnowIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.stall = 2 * time.Second
	r.put(10)
	unknown := r.kinesis.Add(faults.Rule{Operation: "GetShardIterator", Fault: faults.JSONError(400, "ResourceNotFoundException")})
	n := r.run("a")
	testenv.Eventually(t, "not told", func() bool { return n.reasons()[first+" "+string(stall.KinesisFailing)] })
	if gained := n.metric("callevents_leases_gained_total"); gained > 2 {
		t.Errorf("acquired %v times in a few seconds", gained)
	}
	unknown.Remove()
	r.verify()
}

// The children of a shard that stands still are told, too: nobody has them.
func TestChildrenOfABlockedParentAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.stall = 2 * time.Second
	n := r.run("a")
	n.holds(1)
	failing := r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: faults.JSONError(400, "AccessDeniedException")})
	r.split(first, "85070591730234615865843651857942052864")
	n.worker.Refresh()
	testenv.Eventually(t, "children not told", func() bool {
		reasons := n.reasons()
		return reasons[second+" "+string(stall.ParentUnreadable)] && reasons["shardId-000000000002 "+string(stall.ParentUnreadable)]
	})
	failing.Remove()
	r.put(50)
	r.verify()
}
