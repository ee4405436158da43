package warehouse_test

import (
	"testing"
	"time"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
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
			if _, err := s.Commit(ctx, always(), batch(t, s, p, nextDay, records...)); err != nil {
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
			c.Former = []warehouse.Location{{Bucket: srv.bucket, Prefix: "records/"}, c.Location}
		})
		wantTip(moved, "11")
		put(moved, warehouse.Place{Shard: shard, Previous: "11", Day: "2026-11-24"}, "2026-11-24", "12")
		wantTip(moved, "12")

		put(moved, warehouse.Place{Shard: "shardId-000000000001", Previous: "501", Day: "2026-12-25"}, "2026-12-25", "601")
		put(s, warehouse.Place{Shard: "shardId-000000000001", Previous: "501", Day: "2026-12-25"}, "2026-12-25", "601")
		wantTip(moved, "") // a month before the newest day: retention has nothing of it
	})
}
