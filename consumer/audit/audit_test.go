package audit_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
)

func TestASoundWarehouse(t *testing.T) {
	for _, format := range []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet} {
		w := newWorld(t, format)
		w.cfg.Source = stream{1, 12}.source()
		calls := 0
		w.cfg.Progress = func(audit.Report) { calls++ }
		r := w.verify(t, true)
		if !r.OK() || len(r.Details) > 0 || r.Objects != 10 || calls != 10 || r.Records != 22 || r.DeadLetters != 2 || r.LedgerRecords != 24 || r.NotInLedger+r.Resent+r.NoCallID != 0 || r.Compared != 8 {
			t.Errorf("%s: %+v", format, r)
		}
		if want := map[string]int{"shardId-000000000000": 12, "shardId-000000000001": 12}; !maps.Equal(r.Shards, want) {
			t.Errorf("%s: %v by shard", format, r.Shards)
		}
		text := strings.Fields(strings.Join(r.Lines(), "\n"))
		if text := strings.Join(text, " "); !strings.HasPrefix(text, "objects 10 bytes ") || !strings.Contains(text, " lost 0 duplicates 0 ") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestUndecodableObjects(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"cut":         func(body string) string { return body[:len(body)-4] },
		"not gzip":    func(string) string { return "hello" },
		"empty":       func(string) string { return "" },
		"bit flipped": func(body string) string { return body[:20] + string(body[20]^1) + body[21:] },
	} {
		w := newWorld(t, warehouse.NDJSONGzip)
		w.edit(t, w.keys["203"], func(body string, _ map[string]string) string { return change(body) })
		if r := w.verify(t, false); r.Faults[audit.Unreadable] != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestZstdObjects(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	key := w.keys["209"]
	w.edit(t, key, func(body string, m map[string]string) string {
		encoder, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		m["format"] = string(warehouse.NDJSONZstd)
		w.put(t, key+".zst", string(encoder.EncodeAll([]byte(body), nil)), m)
		return body
	})
	w.remove(t, key)
	if r := w.verify(t, true); !r.OK() || r.Records != 22 {
		t.Errorf("%+v", r)
	}
}

func TestAChainThatMoved(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.store = w.newStore("moved/", warehouse.NDJSON)
	w.commit(t, warehouse.Place{Shard: "shardId-000000000001", Previous: "212", Day: "2026-11-24"}, "2026-11-24", 213)
	w.cfg.Links = append(w.cfg.Links, warehouse.Location{Bucket: w.bucket, Prefix: "moved/"})
	if r := w.verify(t, true); !r.OK() || r.Records != 23 {
		t.Errorf("%+v", r)
	}
}

func TestAStoreThatFailsIsNoFinding(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.cfg.Links[0].Bucket = "no-such-bucket"
	if r, err := audit.Run(t.Context(), w.client, w.cfg); err == nil || !strings.Contains(err.Error(), "s3://no-such-bucket/records/") {
		t.Errorf("%+v, %v", r, err)
	}
}

// hanging answers nothing from some call on.
type hanging struct {
	memory
	answers int
}

func (h *hanging) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if h.answers--; h.answers < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.memory.ListObjectsV2(ctx, in)
}

func (h *hanging) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// It waited for ever before.
func TestAStoreThatHangsIsGivenUp(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	objects := w.take(t)
	for answers := range 3 {
		synctest.Test(t, func(t *testing.T) {
			if _, err := audit.Run(t.Context(), &hanging{objects, answers}, w.cfg); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %d answers: %v", answers, err)
			}
		})
	}
}

// TestMany is the shape of a large warehouse: many links, each with the lines of one batch.
func TestMany(t *testing.T) {
	w := newWorld(t, warehouse.NDJSONGzip)
	place := warehouse.Place{Shard: "shardId-000000000007", Previous: "1000000", Day: warehouse.FirstDay}
	place = w.commit(t, place, "2026-11-24").Next()
	for i := range 40 {
		var records []int
		for j := range 500 {
			records = append(records, 1_000_001+500*i+j)
		}
		place = w.commit(t, place, "2026-11-24", records...).Next()
	}
	start := time.Now()
	if r := w.verify(t, true); !r.OK() || r.Records != 20_022 {
		t.Errorf("%+v", r)
	}
	t.Logf("%d records verified in %s", 20_022, time.Since(start))
}
