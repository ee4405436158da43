package warehouse_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// rejecting returns a sealed batch of nothing but dead letters.
func rejecting(t *testing.T, s *warehouse.Store, records ...sequence.Number) *warehouse.Batch {
	t.Helper()
	b := s.NewBatch()
	b.Begin(place("100"))
	for _, n := range records {
		b.Append(n)
		err := b.AddDeadLetter(warehouse.DeadLetter{Stream: "s", ShardID: shard, SequenceNumber: n.String(), PartitionKey: "<p&q>",
			ArrivalTime: time.Date(2026, 11, 23, 1, 2, 3, 4e6, time.UTC), Reason: transform.NotJSON, Data: []byte("\xff{")})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(day); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDeadLettersAreWhatAPersonNeeds(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		ctx := within(t, 10*time.Second)
		s, _ := srv.store(srv.client, nil)
		b := rejecting(t, s, "101", "102")
		link, err := commit(ctx, s, b)
		if err != nil || link.Records != 0 || link.Rejected != 2 || srv.read(t, link.Key()) != "" {
			t.Fatalf("%+v, %v: want a link of no lines", link, err)
		}
		if missing, err := s.DeadLettersMissing(ctx, link); err != nil || !missing {
			t.Fatalf("missing: %v, %v", missing, err)
		}
		for range 2 {
			if err := s.PutDeadLetters(ctx, link, b); err != nil {
				t.Fatal(err)
			}
		}
		if missing, err := s.DeadLettersMissing(ctx, link); err != nil || missing {
			t.Fatalf("missing: %v, %v", missing, err)
		}
		if want := "errors/app/dt=" + day + "/" + shard + "-after-" + sequence.Number("100").Padded() + ".ndjson"; link.DeadLetters != want {
			t.Errorf("key %s, want %s", link.DeadLetters, want)
		}
		lines := strings.Split(strings.TrimSpace(srv.read(t, link.DeadLetters)), "\n")
		const want = `{"stream":"s","shard_id":"shardId-000000000000","sequence_number":"101","sub_sequence":0,"partition_key":"<p&q>",` +
			`"arrival_time":"2026-11-23T01:02:03.004Z","reason":"not_json","data":"/3s="}`
		if len(lines) != 2 || lines[0] != want {
			t.Errorf("%d lines, first %s, want %s", len(lines), lines[0], want)
		}
	})
}

func TestIncompleteDeadLettersAreReportedAndReplaceNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		ctx := within(t, 10*time.Second)
		s, log := srv.store(srv.client, nil)
		whole, part := rejecting(t, s, "101", "102"), rejecting(t, s, "102")
		link, err := commit(ctx, s, whole)
		if err != nil {
			t.Fatal(err)
		}
		entries := func() int { return strings.Count(srv.read(t, link.DeadLetters), "\n") }
		put := func(b *warehouse.Batch, want int) {
			t.Helper()
			if err := s.PutDeadLetters(ctx, link, b); err != nil || entries() != want {
				t.Fatalf("%d entries, %v; want %d", entries(), err, want)
			}
		}
		put(part, 1)
		if e := log.LastEntry(); e == nil || !strings.Contains(e.Message, "incomplete") || e.Data["recovered"] != 1 || e.Data["rejected"] != 2 {
			t.Errorf("a person was not told: %+v", e)
		}
		put(whole, 2)
		put(part, 2)
		all := s.NewBatch() // retention took a record that was no dead letter: nothing is missing
		all.Begin(place("100"))
		all.Append("102")
		for range 2 {
			if err := all.AddDeadLetter(warehouse.DeadLetter{SequenceNumber: "102"}); err != nil {
				t.Fatal(err)
			}
		}
		link.DeadLetters, log.Entries = place("100").Key("former/", warehouse.NDJSON), nil
		put(all, 2)
		if e := log.LastEntry(); e != nil {
			t.Errorf("a person was told of nothing: %s", e.Message)
		}
		link.DeadLetters = place("100").Key("errors/app/", warehouse.NDJSON)
		var letter warehouse.DeadLetter
		if err := json.Unmarshal([]byte(strings.SplitN(srv.read(t, link.DeadLetters), "\n", 2)[0]), &letter); err != nil || letter.SequenceNumber != "101" {
			t.Errorf("%+v, %v", letter, err)
		}
	})
}
