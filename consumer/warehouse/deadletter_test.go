package warehouse_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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
			if err := s.PutDeadLetters(ctx, link, b, 1); err != nil {
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
			if err := s.PutDeadLetters(ctx, link, b, 1); err != nil || entries() != want {
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

// Two applications may have the default errors prefix and equal shards. Seen to overwrite each other's dead letters.
func TestApplicationsShareAnErrorsPrefix(t *testing.T) {
	srv := fakeS3(t)
	ctx := within(t, 10*time.Second)
	var links []warehouse.Link
	for i, app := range []string{"one", "two"} {
		s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Application, c.Prefix = app, app+"/" })
		b := rejecting(t, s, []sequence.Number{"101", "102"}[:i+1]...)
		link, err := commit(ctx, s, b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutDeadLetters(ctx, link, b, 1); err != nil {
			t.Fatal(err)
		}
		links = append(links, link)
	}
	for i, l := range links {
		if n := strings.Count(srv.read(t, l.DeadLetters), "\n"); n != i+1 {
			t.Errorf("%s has %d dead letters, want %d", l.DeadLetters, n, i+1)
		}
	}
}

// Seen to overwrite all of them.
func TestDeadLettersOfOthersAreNotOverwritten(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		ctx := within(t, 10*time.Second)
		s, _ := srv.store(srv.client, nil)
		b := rejecting(t, s, "101")
		link, err := commit(ctx, s, b)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := srv.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &srv.bucket, Key: aws.String(link.Key())})
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]string{"no metadata": "", "application": "another", "stream": "another", "shard": "another",
			"previous": "99", "dead-letters": "errors/app/another"} {
			metadata := maps.Clone(ours.Metadata)
			if metadata[name] = change; change == "" {
				metadata = nil
			}
			_, err := srv.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &srv.bucket, Key: &link.DeadLetters, Metadata: metadata, Body: strings.NewReader("theirs")})
			if err != nil {
				t.Fatal(err)
			}
			if missing, err := s.DeadLettersMissing(ctx, link); err != nil || !missing {
				t.Errorf("%s: missing %t, %v", name, missing, err)
			}
			err = s.PutDeadLetters(ctx, link, b, 1)
			if !errors.Is(err, warehouse.ErrFatal) || !strings.Contains(err.Error(), "move it away") || srv.read(t, link.DeadLetters) != "theirs" {
				t.Errorf("%s: %v, and there is %q", name, err, srv.read(t, link.DeadLetters))
			}
		}
	})
}

// Seen to write to every one of these keys.
func TestALinkCannotNameAnotherKey(t *testing.T) {
	m := newMemory()
	s := memoryStore(m, func(c *warehouse.Config) {
		c.Locations = []warehouse.Location{{Bucket: "b", Prefix: "former/"}, {Bucket: "another", Prefix: "errors/"}}
	})
	b := rejecting(t, s, "101")
	link := s.Link(b)
	for _, key := range []string{"", "x", "errors/app/x", link.Key(), place("99").Key("errors/app/", warehouse.NDJSON),
		place("100").Key("errors/app/", warehouse.Parquet), place("100").Key("", warehouse.NDJSON), place("100").Key("former/", warehouse.NDJSON),
		place("100").Key("errors/app/", warehouse.NDJSON) + "/x", place("100").Key("errors", warehouse.NDJSON)} {
		link.DeadLetters = key
		_, missing := s.DeadLettersMissing(t.Context(), link)
		if err := s.PutDeadLetters(t.Context(), link, b, 1); !errors.Is(err, warehouse.ErrFatal) || !errors.Is(missing, warehouse.ErrFatal) || len(m.requests) > 0 {
			t.Errorf("%q: %v, %v, and %v", key, missing, err, m.requests)
		}
	}
	for _, key := range []string{place("100").Key("errors/", warehouse.NDJSON), place("100").Key("former/errors/", warehouse.NDJSON)} {
		link.DeadLetters = key // as the first version or a former run wrote them
		for range 2 {
			if err := s.PutDeadLetters(t.Context(), link, b, 1); err != nil {
				t.Errorf("%q: %v", key, err)
			}
		}
	}
}
