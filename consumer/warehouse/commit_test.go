package warehouse_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

const (
	shard = "shardId-000000000000"
	day   = "2026-11-23"
)

// batch returns a sealed batch of one-line records.
func batch(t *testing.T, s *warehouse.Store, place warehouse.Place, nextDay string, records ...sequence.Number) *warehouse.Batch {
	t.Helper()
	b := s.NewBatch()
	b.Begin(place)
	for _, n := range records {
		b.Append(n)
		if err := b.AddLine([]byte(`{"n":` + n.String() + "}\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(nextDay); err != nil {
		t.Fatal(err)
	}
	return b
}

func place(previous sequence.Number) warehouse.Place {
	return warehouse.Place{Shard: shard, Previous: previous, Day: day}
}

func TestCommitThenAdoptAtTheSamePlace(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		s, _ := srv.store(srv.client, nil)
		first, err := commit(within(t, 10*time.Second), s, batch(t, s, place("100"), day, "101", "102"))
		if err != nil {
			t.Fatal(err)
		}
		other, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Writer = "w2" })
		there, err := commit(within(t, 10*time.Second), other, batch(t, other, place("100"), "2026-11-24", "101", "102", "103"))
		if err != nil {
			t.Fatal(err)
		}
		if there != first || there.Writer != "w1" || there.Last != "102" || there.Records != 2 || there.NextDay != day {
			t.Fatalf("adopted %+v, want %+v", there, first)
		}
		if got := srv.read(t, first.Key()); got != "{\"n\":101}\n{\"n\":102}\n" {
			t.Fatalf("body %q", got)
		}
	})
}

func TestOneOfManyWritersWinsEachPlace(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		for round := range 5 {
			at := place(sequence.Number([]string{"1", "2", "3", "4", "5"}[round]))
			links := make([]warehouse.Link, 8)
			var writers sync.WaitGroup
			for i := range links {
				writers.Go(func() {
					s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Writer = string(rune('a' + i)) })
					var err error
					if links[i], err = commit(within(t, 20*time.Second), s, batch(t, s, at, day, "11", "12")); err != nil {
						t.Error(err)
					}
				})
			}
			writers.Wait()
			for _, l := range links {
				if l != links[0] {
					t.Fatalf("two links at one place: %+v and %+v", l, links[0])
				}
			}
		}
	})
}

func TestCommitOutsideTheTrustWindowSendsNothing(t *testing.T) {
	srv := fakeS3(t)
	s, _ := srv.store(srv.client, nil)
	outcome, err := s.Create(t.Context(), time.Now().Add(-time.Second), batch(t, s, place("100"), day, "101"))
	if outcome != warehouse.Unknown || err == nil {
		t.Fatalf("%s, %v", outcome, err)
	}
	if out, _ := srv.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &srv.bucket}); len(out.Contents) > 0 {
		t.Fatalf("%s was written", *out.Contents[0].Key)
	}
}

func TestForeignObjectsAreFatal(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		s, _ := srv.store(srv.client, nil)
		if _, err := commit(within(t, 10*time.Second), s, batch(t, s, place("100"), day, "101")); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*warehouse.Config){
			"application": func(c *warehouse.Config) { c.Application = "another" },
			"stream":      func(c *warehouse.Config) { c.Stream = "arn:stream@2" },
		} {
			other, _ := srv.store(srv.client, change)
			_, err := commit(within(t, 10*time.Second), other, batch(t, other, place("100"), day, "101"))
			if !errors.Is(err, warehouse.ErrFatal) || !strings.Contains(err.Error(), "choose another --prefix") {
				t.Errorf("another %s: %v", name, err)
			}
			if _, _, err := other.Tip(within(t, 10*time.Second), shard); !errors.Is(err, warehouse.ErrFatal) {
				t.Errorf("tip of another %s: %v", name, err)
			}
		}
		_, err := srv.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &srv.bucket, Key: aws.String(place("7").Key("records/", warehouse.NDJSON))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := commit(within(t, 10*time.Second), s, batch(t, s, place("7"), day, "101")); !errors.Is(err, warehouse.ErrFatal) {
			t.Errorf("object without metadata: %v", err)
		}
	})
}
