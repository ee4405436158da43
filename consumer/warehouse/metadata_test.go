package warehouse_test

import (
	"strings"
	"testing"
	"time"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// The whole metadata has at most 2,048 bytes, with the prefix of each key: S3 takes no more. What is left is the memory's. So a
// link is never refused for it, also if the name of the link before does not fit. Seen to fail with a room that is a byte larger.
func TestTheMetadataHasNoMoreThanS3Takes(t *testing.T) {
	srv := fakeS3(t)
	highest := sequence.Number(strings.Repeat("9", sequence.Digits))
	for name, c := range map[string]struct {
		change     func(*warehouse.Config)
		former     string // location of the link before
		want       int    // room for the memory, at least
		named      bool
		everything bool // the metadata is full
	}{
		"usual": {func(c *warehouse.Config) {
			c.Application, c.Writer = "callevents-consumer", "ip-10-0-12-34.eu-central-1.compute.internal-1234567890"
			c.Stream, c.ErrorsPrefix = "arn:aws:kinesis:eu-central-1:123456789012:stream/AForB_callevents@2026-11-23T12:00:00Z", "mandir-event-errors/"
		}, "", 1060, true, true},
		"moved": {func(*warehouse.Config) {}, "another-bucket", 1060, true, true},
		"long":  {func(c *warehouse.Config) { c.ErrorsPrefix = strings.Repeat("e", 899) + "/" }, "", 0, true, true},
		"the name does not fit": {func(c *warehouse.Config) {
			c.ErrorsPrefix, c.Writer = strings.Repeat("e", 899)+"/", strings.Repeat("w", 410)
		}, strings.Repeat("b", 60), 0, false, true},
		"nothing fits": {func(c *warehouse.Config) {
			c.ErrorsPrefix, c.Writer = strings.Repeat("e", 899)+"/", strings.Repeat("w", 600)
		}, "", -100, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := srv.store(srv.client, c.change)
			b := s.NewBatch()
			at := warehouse.Place{Shard: "shardId-000000000000", Previous: highest, Day: day}
			b.Begin(at)
			b.Append(highest + "9")
			if err := b.AddDeadLetter(warehouse.DeadLetter{}); err != nil {
				t.Fatal(err)
			}
			if err := b.Seal(day); err != nil {
				t.Fatal(err)
			}
			before := warehouse.Name{Location: s.Location, Place: at, Format: warehouse.NDJSON}
			if c.former != "" {
				before.Bucket = c.former
			}
			room := 0
			s.Remember(b, before, func(n int) string {
				room = n
				return strings.Repeat("m", max(0, n))
			})
			link := s.Link(b)
			taken := 0
			for key, value := range link.Metadata() {
				taken += len("x-amz-meta-") + len(key) + len(value)
			}
			t.Logf("%d bytes for the memory, %d taken by all else", room, taken-max(0, room))
			if room < c.want || (link.Before == before) != c.named || c.everything != (taken == 2048) {
				t.Errorf("room %d, %d bytes, named %v", room, taken, link.Before)
			}
		})
	}
}

// What an older version does not know it passes over, and the other way round.
func TestLinksOfBothVersionsAreRead(t *testing.T) {
	at := warehouse.Location{Bucket: "b", Prefix: "p/"}
	old := map[string]string{"application": "app", "stream": "s", "shard": shard, "previous": "100", "first": "101", "last": "120",
		"next-day": day, "records": "3", "rejected": "0", "format": "ndjson", "writer": "w"}
	link, err := warehouse.ReadLink(at, place("100").Key("p/", warehouse.NDJSON), old)
	if err != nil || link.ByIdentity || link.Memory != "" || link.Before != (warehouse.Name{}) {
		t.Fatalf("%+v, %v", link, err)
	}
	link.ByIdentity, link.Copies, link.Memory = true, 7, "1abc"
	for _, before := range []warehouse.Location{at, {Bucket: "other", Prefix: "with spaces/"}} {
		link.Before = warehouse.Name{Location: before, Place: warehouse.Place{Shard: shard, Previous: "90", Day: "2026-11-22"}, Format: warehouse.NDJSONGzip}
		if got, err := warehouse.ReadLink(at, link.Key(), link.Metadata()); err != nil || got != link {
			t.Errorf("%+v reads back as %+v, %v", link, got, err)
		}
	}
	for _, bad := range []map[string]string{{"copies": "-1"}, {"before": "90"}, {"before": "x 2026-11-22 ndjson"}, {"before": "90 2026-11-22 ndjson nowhere"}} {
		metadata := link.Metadata()
		for k, v := range bad {
			metadata[k] = v
		}
		if got, err := warehouse.ReadLink(at, link.Key(), metadata); err == nil {
			t.Errorf("%v is read as %+v", bad, got)
		}
	}
}

// A link of another writer is the same only if all else agrees: so it is found that another writer judged otherwise.
func TestLinksAreTheSameButForTheirWriter(t *testing.T) {
	one := warehouse.Link{First: "101", Last: "102", Records: 2, Memory: "1a", Writer: "w1"}
	other := one
	if other.Writer = "w2"; !one.Same(other) {
		t.Error("another writer makes another link")
	}
	for _, change := range []func(*warehouse.Link){
		func(l *warehouse.Link) { l.Memory = "" }, func(l *warehouse.Link) { l.Copies = 1 }, func(l *warehouse.Link) { l.Records = 1 },
		func(l *warehouse.Link) { l.ByIdentity = true }, func(l *warehouse.Link) { l.Last = "103" }, func(l *warehouse.Link) { l.AnyShard = true },
	} {
		changed := one
		if change(&changed); one.Same(changed) {
			t.Errorf("%+v is the same as %+v", changed, one)
		}
	}
}

// A tip that is older than retention has a memory that is still of use.
func TestTheTipIsLookedForAsLongAsItsMemoryLives(t *testing.T) {
	srv := fakeS3(t)
	s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Retention = 24 * time.Hour })
	newest := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for i := range 5 {
		p := warehouse.Place{Shard: "shardId-000000000001", Previous: "100", Day: warehouse.Day(newest.AddDate(0, 0, -i))}
		if i == 4 {
			p.Shard = shard
		}
		if _, err := commit(within(t, 10*time.Second), s, batch(t, s, p, p.Day, "101")); err != nil {
			t.Fatal(err)
		}
	}
	if tip, ok, err := s.Tip(within(t, 10*time.Second), shard); !ok || err != nil || tip.Day != "2026-11-19" {
		t.Errorf("the tip of %s, %v, %v", tip.Day, ok, err)
	}
}
