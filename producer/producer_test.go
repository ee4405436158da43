package main_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

func TestEveryRecordIsInTheStreamAndInTheLedger(t *testing.T) {
	r := newRig(t)
	r.run(0, "--rate", "max", "--count", "2001", "--shards", "3")
	r.run(0, "--rate", "100", "--count", "50", "--shards", "5") // the stream is used as it is, the ledger goes on
	if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 2051 {
		t.Errorf("%d in the ledger, %d in the stream only", len(r.ledger()), len(beyond))
	}
	if s := r.summary(); s.Records != 50 || s.Resent != 0 || s.Skipped != 0 {
		t.Errorf("summary %+v", s)
	}
	r.wantSpread(r.summary().PerShard, 3)
}

func TestASecondImplementationOfKinesis(t *testing.T) {
	r := newRig(t)
	r.endpoint = testenv.KinesisLocal(t)
	r.client = kinesis.NewFromConfig(testenv.Config(r.endpoint))
	r.run(0, "--rate", "max", "--count", "202")
	if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 202 {
		t.Errorf("%d in the ledger, %d in the stream only", len(r.ledger()), len(beyond))
	}
	r.wantSpread(r.summary().PerShard, 4)
}

func TestASignalEndsTheRunInOrder(t *testing.T) {
	r := newRig(t)
	p := r.start("", "--rate", "200")
	r.awaitLedger(100)
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if beyond := r.verify(); len(beyond) > 0 {
		t.Errorf("%d records are in the stream and not in the ledger", len(beyond))
	}
	if s := r.summary(); int(s.Records) != len(r.ledger()) || !strings.Contains(p.stdout.String(), fmt.Sprintf("%d in ", s.Records)) {
		t.Errorf("%d in the ledger, summary %+v\n%s", len(r.ledger()), s, p.stdout.String())
	}
	r.wantSpread(r.summary().PerShard, 4)
}

func TestAReshardIsFollowed(t *testing.T) {
	r := newRig(t)
	p := r.start("", "--rate", "200", "--shards", "2")
	r.awaitLedger(100)
	_, err := r.client.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: &r.stream, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("1000")})
	if err != nil {
		t.Fatal(err)
	}
	// The lower child has 1,000 hash keys of 2^127: only routing can reach it.
	testenv.Eventually(t, "the new shards get no records", func() bool {
		return strings.Contains(p.stderr.String(), "the stream was resharded")
	})
	testenv.Eventually(t, "the lower child gets no records", func() bool {
		text, _ := os.ReadFile(r.path("ledger.csv"))
		return strings.Count(string(text), ",shardId-000000000002,") >= 100
	})
	p.Signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if beyond := r.verify(); len(beyond) > 0 {
		t.Errorf("%d records are in the stream and not in the ledger", len(beyond))
	}
	// Since the reshard was seen the children are served in turn. The upper child also has the records from before.
	if s := r.summary(); s.PerShard["shardId-000000000003"]+1 < s.PerShard["shardId-000000000002"] {
		t.Errorf("records per shard: %v", s.PerShard)
	}
}

// Many producers that start at the same time do not all begin with the same shard.
func TestRunsWithInputBeginAtDifferentShards(t *testing.T) {
	r := newRig(t)
	shards := map[string]bool{}
	for i := range 12 { // that all choose the same shard by chance happens once in 4^11 times
		p := r.start(fmt.Sprintf(`{"event":{"property":{"call_id":"run-%d"}}}`, i), "--input", "-")
		if code := p.wait(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		for id := range r.summary().PerShard {
			shards[id] = true
		}
		if len(shards) > 1 {
			return
		}
	}
	t.Errorf("all began with %v", shards)
}

// Other consumers than ours use the library to take containers apart; scripts/lab/kpl tests that it does.
func TestAggregatedRecordsAreReadBack(t *testing.T) {
	r := newRig(t)
	r.run(0, "--rate", "max", "--count", "4000", "--aggregate", "--linger", "1s")
	whole, err := hashkey.ParseRange("0", hashkey.Max().String())
	if err != nil {
		t.Fatal(err)
	}
	entries, records, users := r.ledger(), r.records(), 0
	for _, one := range records {
		container, ok := kpl.Split(one.Data, whole)
		if !ok {
			t.Fatalf("%.60q is no container", one.Data)
		}
		for user := range container {
			users++
			key := string(user.PartitionKey)
			if entries[key] == nil || !strings.Contains(string(user.Data), key) {
				t.Errorf("%q is not in the ledger, or not with %.60q", key, user.Data)
			}
			delete(entries, key)
		}
	}
	if users != 4000 || len(entries) > 0 || len(records) > 200 {
		t.Errorf("%d user records, %d of the ledger missing, in %d records of the stream", users, len(entries), len(records))
	}
	r.wantSpread(r.summary().PerShard, 4)
}

func TestStrictOrderKeepsTheOrderOfTheInput(t *testing.T) {
	r := newRig(t)
	if err := os.WriteFile(r.path("feed"), []byte(r.lines(300)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.throughProxy().Add(faults.Rule{Operation: "PutRecord", Share: 0.2, Fault: faults.JSONError(400, "ProvisionedThroughputExceededException")})
	r.run(0, "--input", "feed", "--rate", "max", "--strict-order")
	last := map[string]int{}
	for _, one := range r.records() {
		var n int
		if _, err := fmt.Sscanf(gjson.GetBytes(one.Data, event.CallIDPath).Str, "line-%d", &n); err != nil {
			t.Fatal(err)
		}
		if before, ok := last[one.shardID]; ok && before >= n {
			t.Errorf("line %d follows line %d in %s", n, before, one.shardID)
		}
		last[one.shardID] = n
	}
	if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 300 {
		t.Errorf("%d in the ledger, %d in the stream only", len(r.ledger()), len(beyond))
	}
}

func TestMetricsAndHealth(t *testing.T) {
	r := newRig(t)
	p := r.start("", "--rate", "100", "--http", "127.0.0.1:0")
	r.awaitLedger(50)
	for path, want := range map[string]string{"/healthz": `^ok`, "/readyz": `^ok`, "/metrics": `(?s)callevents_producer_records_total \d+.*callevents_producer_shard_records_total\{shard_id="shardId-000000000003"\} \d\d`} {
		if code, text := p.get(path); code != http.StatusOK || !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A resend puts an event under the identity that it had, and one of a former version's spill file under a new one. Without
// identities the partition key is the call_id.
func TestAnEventKeepsItsIdentityInTheSpillFile(t *testing.T) {
	r := newRig(t)
	r.createStream()
	old := strings.SplitAfter(r.lines(2), "\n")
	if err := os.WriteFile(r.path("spill.ndjson"), []byte("~1.a.b.c\t"+old[0]+old[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(0, "resend")
	r.run(0, "--no-identity", "--count", "1", "--rate", "max")
	keys := map[string]string{}
	for _, one := range r.records() {
		keys[gjson.GetBytes(one.Data, event.CallIDPath).Str] = *one.PartitionKey
	}
	id, again := identity.Parse(keys["line-1"])
	if keys["line-0"] != "~1.a.b.c.r" || id.None() || again || len(keys) != 3 {
		t.Errorf("partition keys %v", keys)
	}
	for call, key := range keys {
		if !strings.HasPrefix(call, "line") && key != call {
			t.Errorf("%s has the partition key %s", call, key)
		}
	}
}
