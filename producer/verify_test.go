package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/status"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/testenv"
)

func (r *rig) summary() (s status.Summary) {
	r.t.Helper()
	text, err := os.ReadFile(r.path("summary.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ledger returns the lines by call_id.
func (r *rig) ledger() map[string][]string {
	r.t.Helper()
	file, err := os.Open(r.path("ledger.csv"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1 // a fourth only if an attempt had an unknown outcome
	lines, err := reader.ReadAll()
	if err != nil {
		r.t.Fatal(err)
	}
	entries := map[string][]string{}
	for _, line := range lines {
		entries[line[0]] = line
	}
	if len(entries) != len(lines) {
		r.t.Errorf("%d lines in the ledger, %d call_ids", len(lines), len(entries))
	}
	return entries
}

// awaitLedger waits until the ledger has that many lines.
func (r *rig) awaitLedger(lines int) {
	r.t.Helper()
	testenv.Eventually(r.t, fmt.Sprintf("the ledger does not get to %d lines", lines), func() bool {
		text, _ := os.ReadFile(r.path("ledger.csv"))
		return strings.Count(string(text), "\n") >= lines
	})
}

func (r *rig) wantSpread(perShard map[string]uint64, shards int) {
	r.t.Helper()
	low, high := ^uint64(0), uint64(0)
	for _, n := range perShard {
		low, high = min(low, n), max(high, n)
	}
	if high-low > 1 || len(perShard) != shards {
		r.t.Errorf("records per shard: %v", perShard)
	}
}

// verify returns what the stream has beyond the ledger and beyond the copies that the ledger's unknown attempts explain,
// by call_id. On a busy machine a call may time out, and then its records are in the stream twice.
func (r *rig) verify() (unexplained map[string]int) {
	r.t.Helper()
	entries, unexplained := r.ledger(), map[string]int{}
	for id, n := range r.beyond() {
		if entry := entries[id]; len(entry) > 3 {
			unknown, _ := strconv.Atoi(entry[3])
			n -= unknown
		}
		if n > 0 {
			unexplained[id] = n
		}
	}
	return unexplained
}

// beyond compares the ledger with the stream: each line is in the stream as it says. The result is what the stream has
// beyond the ledger, by call_id.
func (r *rig) beyond() (beyond map[string]int) {
	r.t.Helper()
	entries, found := r.ledger(), map[string]bool{}
	beyond = map[string]int{}
	for _, one := range r.records() {
		e, err := event.Parse(one.Data)
		if id, _ := identity.Parse(aws.ToString(one.PartitionKey)); err != nil || id.None() {
			r.t.Errorf("the stream has %.80q under partition key %q: %v", one.Data, aws.ToString(one.PartitionKey), err)
		}
		if entry := entries[e.CallID]; entry != nil && entry[1] == one.shardID && entry[2] == *one.SequenceNumber {
			found[e.CallID] = true
		} else {
			beyond[e.CallID]++
		}
	}
	if len(found) != len(entries) {
		r.t.Errorf("the stream has %d of the ledger's %d records", len(found), len(entries))
	}
	return beyond
}

// record is one record of the stream.
type record struct {
	types.Record
	shardID string
}

// records reads the whole stream, shard by shard.
func (r *rig) records() (all []record) {
	r.t.Helper()
	listed, err := r.client.ListShards(r.t.Context(), &kinesis.ListShardsInput{StreamName: &r.stream})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, shard := range listed.Shards {
		at, err := r.client.GetShardIterator(r.t.Context(), &kinesis.GetShardIteratorInput{StreamName: &r.stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			r.t.Fatal(err)
		}
		for next := at.ShardIterator; next != nil; {
			page, err := r.client.GetRecords(r.t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				r.t.Fatal(err)
			}
			for _, one := range page.Records {
				all = append(all, record{one, *shard.ShardId})
			}
			if next = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
		}
	}
	return all
}
