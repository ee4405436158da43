package warehouse_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

func TestTipIsTheNewestLinkWhereverItLies(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		ctx := within(t, 30*time.Second)
		s, _ := srv.store(srv.client, nil)
		wantTip := func(s *warehouse.Store, want sequence.Number) {
			t.Helper()
			tip, ok, err := s.Tip(ctx, shard)
			if err != nil || ok != (want != "") || tip.Last != want {
				t.Fatalf("tip %q, %v, %v; want %q", tip.Last, ok, err, want)
			}
		}
		put := func(s *warehouse.Store, p warehouse.Place, nextDay string, records ...sequence.Number) {
			t.Helper()
			if _, err := commit(ctx, s, batch(t, s, p, nextDay, records...)); err != nil {
				t.Fatal(err)
			}
		}
		wantTip(s, "")
		put(s, warehouse.Place{Shard: shard, Previous: "5", Day: warehouse.FirstDay}, day)
		put(s, place("5"), day, "9", "10")
		wantTip(s, "10")
		put(s, place("10"), "2026-11-24", "11")
		put(s, warehouse.Place{Shard: "shardId-000000000001", Previous: "500", Day: "2026-11-25"}, "2026-11-25", "501")
		wantTip(s, "11")

		moved, _ := srv.store(srv.client, func(c *warehouse.Config) {
			c.Prefix, c.Format = "elsewhere/", warehouse.NDJSONGzip
			c.Locations = []warehouse.Location{{Bucket: srv.bucket, Prefix: "records/"}, c.Location}
		})
		wantTip(moved, "11")
		put(moved, warehouse.Place{Shard: shard, Previous: "11", Day: "2026-11-24"}, "2026-11-24", "12")
		wantTip(moved, "12")

	})
}

// The lease table remembers former locations for ever, also when their bucket was removed. The present one must be there.
func TestTipWithoutAFormerBucket(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		gone := warehouse.Location{Bucket: testenv.Name(t, "gone"), Prefix: "records/"}
		s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Locations = []warehouse.Location{gone} })
		if _, err := commit(within(t, 10*time.Second), s, batch(t, s, place("100"), day, "101")); err != nil {
			t.Fatal(err)
		}
		if tip, ok, err := s.Tip(within(t, 10*time.Second), shard); !ok || err != nil || tip.Last != "101" {
			t.Errorf("tip %q, %v, %v", tip.Last, ok, err)
		}
		s.Location = gone
		if _, _, err := s.Tip(within(t, 10*time.Second), shard); err == nil {
			t.Error("the bucket is absent, and no error")
		}
	})
}

// pages is a client whose listings come two entries at a time, and are counted.
type pages struct {
	warehouse.Client
	lists int
}

func (p *pages) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	p.lists++
	page := *in
	page.MaxKeys = aws.Int32(2)
	return p.Client.ListObjectsV2(ctx, &page, opts...)
}

// A shard and day may have more links than one answer lists, which on S3 is 1,000.
func TestTipIsBehindTheLastPage(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		client := &pages{Client: srv.client}
		s, _ := srv.store(client, nil)
		for _, previous := range []sequence.Number{"8", "9", "10", "11", "12"} {
			last := sequence.Number("1" + previous)
			if _, err := commit(within(t, 10*time.Second), s, batch(t, s, place(previous), day, last)); err != nil {
				t.Fatal(err)
			}
		}
		tip, ok, err := s.Tip(within(t, 10*time.Second), shard)
		if err != nil || !ok || tip.Previous != "12" || client.lists != 1+4 {
			t.Errorf("tip after %s, %v, %v, with %d listings", tip.Previous, ok, err, client.lists)
		}
	})
}

// However many days there are, a shard is looked for in those that retention can still hold records of. A folder that
// somebody made does not hide them.
func TestTipIsLookedForAsFarBackAsRetention(t *testing.T) {
	srv := fakeS3(t)
	client := &pages{Client: srv.client}
	s, _ := srv.store(client, nil)
	newest := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for i := range 60 {
		p := warehouse.Place{Shard: shard, Previous: "100", Day: warehouse.Day(newest.AddDate(0, 0, -i))}
		if i < 10 {
			p.Shard = "shardId-000000000001"
		}
		if _, err := commit(within(t, 10*time.Second), s, batch(t, s, p, p.Day, "101")); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := s.Tip(within(t, 10*time.Second), shard); ok || err != nil || client.lists != 30+6 { // a day of retention is less than a memory lives: four days, and two more
		t.Errorf("a shard without links in the last ten days: %v, %v, with %d listings", ok, err, client.lists)
	}
	if _, err := srv.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &srv.bucket, Key: aws.String("records/dt=2999-12-31/notes")}); err != nil {
		t.Fatal(err)
	}
	if tip, ok, err := s.Tip(within(t, 10*time.Second), "shardId-000000000001"); !ok || err != nil || tip.Day != day {
		t.Errorf("beside a foreign folder: %s, %v, %v", tip.Day, ok, err)
	}
}
