package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/hashkey"
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

// What a killed producer leaves in the stream without a line in the ledger are the records of its calls in flight, and no
// others: here those of two calls that were applied, and whose answers never came.
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
	// In turn since the reshard was seen: the upper child has as many, and those that came before it was seen.
	if s := r.summary(); s.PerShard["shardId-000000000003"]+1 < s.PerShard["shardId-000000000002"] {
		t.Errorf("records per shard: %v", s.PerShard)
	}
}

// The server is gone for longer than the record TTL; later it is back, and what was spilled is put.
// A resend that is stopped leaves what it did not put to the next one, and only that.
// A spill file without events, left by a write that failed, is no obstacle to the next one.
func TestEventsFromStandardInputAndFromAFile(t *testing.T) {
	r := newRig(t)
	p := r.start(r.lines(100)+"no event\n", "--input", "-", "--rate", "max")
	if code := p.wait(); code != 3 || !strings.Contains(p.stderr.String(), `"line":101`) {
		t.Errorf("exit code %d, want 3 for a rejected line:\n%s", code, p.stderr.String())
	}
	if s := r.summary(); s.Records != 100 || s.Rejected != 1 {
		t.Errorf("summary %+v", s)
	}
	more := strings.ReplaceAll(r.lines(100), "line-", "more-")
	if err := os.WriteFile(r.path("feed"), []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(0, "--input", "feed", "--rate", "max", "--count", "90")
	if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 190 {
		t.Errorf("%d in the ledger, %d in the stream only", len(r.ledger()), len(beyond))
	}
	for _, one := range r.records() {
		if !strings.Contains(r.lines(100)+more, string(one.Data)+"\n") {
			t.Errorf("the stream has %q", one.Data)
		}
	}
}

// Many producers that start at once do not all begin with the same shard, whatever they put.
func TestRunsWithInputBeginAtDifferentShards(t *testing.T) {
	r := newRig(t)
	shards := map[string]bool{}
	for i := range 12 { // by chance alone all of them would be one shard once in 4^11 times
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

// What is wrong with a file is said before anything happens, not after hours.
func TestFilesThatCannotBeWrittenAreReportedAtTheStart(t *testing.T) {
	r := newRig(t)
	for _, flag := range []string{"--ledger", "--summary", "--spill"} {
		if p := r.run(1, flag, "absent/file", "--count", "1"); !strings.Contains(p.stderr.String(), "absent/file") {
			t.Errorf("%s: %s", flag, p.stderr.String())
		}
	}
	if _, err := r.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream}); err == nil {
		t.Error("the stream was created")
	}
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
		if _, err := fmt.Sscanf(*one.PartitionKey, "line-%d", &n); err != nil {
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

// Every record that is due is put or skipped, and nothing is caught up: that much is exact, whatever the stall.
func TestMetricsAndHealth(t *testing.T) {
	r := newRig(t)
	p := r.start("", "--rate", "100", "--http", "127.0.0.1:0")
	r.awaitLedger(50)
	address := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(p.stderr.String())
	if address == nil {
		t.Fatal("the address is not logged")
	}
	for path, want := range map[string]string{"/healthz": `^ok`, "/metrics": `(?s)callevents_producer_records_total \d+.*callevents_producer_shard_records_total\{shard_id="shardId-000000000003"\} \d\d`} {
		answer, err := http.Get("http://" + address[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !regexp.MustCompile(want).Match(body) {
			t.Errorf("%s: %s %v\n%s", path, answer.Status, err, body)
		}
	}
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestWrongFlagsAreReportedTogether(t *testing.T) {
	r := newRig(t)
	p := r.run(2, "--rate=-1", "--shards=0", "--aggregate", "--strict-order", "--retention=1h", "--on-stall=wait", "--stream-arn=x", "--log-level=loud", "--input=summary.json")
	for _, want := range []string{"--rate", "--shards", "--aggregate", "--retention", "--on-stall", "--stream-arn", "--log-level", "summary.json"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s is not reported:\n%s", want, p.stderr.String())
		}
	}
	if p := r.run(2, "--no-such-flag"); !strings.Contains(p.stderr.String(), "--help") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

func TestARunThatCannotBeginSaysWhy(t *testing.T) {
	r := newRig(t)
	r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: faults.JSONError(400, "AccessDeniedException")})
	if p := r.run(1); !strings.Contains(p.stderr.String(), "kinesis:DescribeStreamSummary") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

func (r *rig) throughProxy() *faults.Proxy {
	r.t.Helper()
	proxy, err := faults.Listen(r.endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(proxy.Close)
	r.endpoint = proxy.URL()
	return proxy
}

// awaitLedger waits until the ledger has so many lines.
func (r *rig) awaitLedger(lines int) {
	r.t.Helper()
	testenv.Eventually(r.t, fmt.Sprintf("the ledger does not get to %d lines", lines), func() bool {
		text, _ := os.ReadFile(r.path("ledger.csv"))
		return strings.Count(string(text), "\n") >= lines
	})
}
