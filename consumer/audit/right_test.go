package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
)

// For every finding something that looks like it and is right. Everything is there to compare with.
func TestWhatIsRightIsNotFound(t *testing.T) {
	for name, tc := range map[string]struct {
		finding audit.Fault
		change  func(t *testing.T, w *world, cfg *audit.Config)
		verdict audit.Verdict
	}{
		"a record whose object was removed, of the ledger": {audit.Lost, func(t *testing.T, w *world, cfg *audit.Config) {
			w.remove(t, w.firstKey(secondShard))
			w.remove(t, w.keys["200"])
			cfg.Source = stream{4, 12}.source()
		}, audit.Unchecked},
		"a record that was sent twice": {audit.Duplicates, func(t *testing.T, w *world, cfg *audit.Config) {
			w.replaceLine(t, cfg, 208, 207)
		}, audit.Well},
		"a copy of an earlier record after later ones": {audit.OutOfOrder, func(t *testing.T, w *world, cfg *audit.Config) {
			w.replaceLine(t, cfg, 208, 204)
		}, audit.Well},
		"a record with white space around": {audit.Altered, func(_ *testing.T, _ *world, cfg *audit.Config) {
			cfg.Source = changed(func(n int, r *audit.Record) {
				if !rejected(n) { // a dead letter keeps it
					r.Data = slices.Concat([]byte("\r\n "), r.Data, []byte("\n"))
				}
			})
		}, audit.Well},
		"a record that the ledger has in another place, perhaps": {audit.Misplaced, func(_ *testing.T, w *world, cfg *audit.Config) {
			at := slices.Index(w.ledger, callID(204)+","+secondShard+",204")
			w.ledger[at] = callID(204) + "," + firstShard + ",150,1" // one send before it had no answer
			w.everything(cfg)
			cfg.Source, cfg.Table = nil, nil
		}, audit.Unchecked},
		"a record that arrived before the one before it": {audit.WrongDay, func(_ *testing.T, _ *world, cfg *audit.Config) {
			cfg.Source = changed(func(n int, r *audit.Record) {
				if n == 208 {
					r.Arrived = arrived(201)
				}
			})
		}, audit.Well},
		"a day that changes while nothing waits": {audit.WrongDay, func(t *testing.T, w *world, cfg *audit.Config) {
			w.grow(t, cfg, 13, func(next warehouse.Place, n int) {
				w.commit(t, w.commit(t, next, "2026-11-25").Next(), "2026-11-25", n)
			})
			cfg.Source.(*source).record = func(n int) audit.Record {
				r := record(n)
				if n%100 == 13 {
					r.Arrived = r.Arrived.Add(24 * time.Hour)
				}
				return r
			}
			cfg.Table.Checkpoints[firstShard] = audit.Checkpoint{Last: "113", Day: "2026-11-25"}
			cfg.Table.Checkpoints[secondShard] = audit.Checkpoint{Last: "213", Day: "2026-11-25"}
		}, audit.Well},
		"the largest user_id": {audit.UserIDNotInteger, func(t *testing.T, w *world, cfg *audit.Config) {
			w.everywhere(t, cfg, "512", "9223372036854775807")
		}, audit.Well},
		"an escaped control character": {audit.NotJSON, func(t *testing.T, w *world, cfg *audit.Config) {
			w.everywhere(t, cfg, `"id":"s"`, `"id":"\u001b[2J"`)
		}, audit.Well},
		"chains that moved to another bucket": {audit.BrokenLinks, func(t *testing.T, w *world, cfg *audit.Config) {
			w.bucket = "second"
			if _, err := w.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &w.bucket}); err != nil {
				t.Fatal(err)
			}
			w.store = w.newStore("moved/", warehouse.NDJSONGzip)
			w.grow(t, cfg, 14, func(next warehouse.Place, n int) { w.commit(t, next, "2026-11-24", n) })
			cfg.Links = append(cfg.Links, warehouse.Location{Bucket: "second", Prefix: "moved/"})
			cfg.DeadLetters = append(cfg.DeadLetters, warehouse.Location{Bucket: "second", Prefix: "errors/"})
		}, audit.Well},
		"a chain whose beginning was removed": {audit.BrokenLinks, func(t *testing.T, w *world, _ *audit.Config) {
			w.remove(t, w.firstKey(secondShard))
		}, audit.Unchecked},
		"a chain whose beginning was removed but for its first day": {audit.BrokenLinks, func(t *testing.T, w *world, cfg *audit.Config) {
			w.remove(t, w.keys["200"])
			w.remove(t, w.keys["203"])
			cfg.Source = stream{7, 12}.source()
		}, audit.Unchecked},
		"a chain that was removed but for its first day": {audit.BrokenLinks, func(t *testing.T, w *world, cfg *audit.Config) {
			for n := 200; n < 212; n += 3 {
				w.remove(t, w.keys[number(n)])
			}
			cfg.Table.Checkpoints[secondShard] = audit.Checkpoint{Last: "212", Day: "2026-11-22"}
			cfg.Source = stream{13, 12}.source()
		}, audit.Unchecked},
		"a link of rejected records alone": {audit.WrongCounts, func(t *testing.T, w *world, cfg *audit.Config) {
			w.grow(t, cfg, 14, func(next warehouse.Place, n int) { w.commit(t, next, "2026-11-24", n) })
		}, audit.Well},
		"a link in another format": {audit.Unreadable, func(t *testing.T, w *world, cfg *audit.Config) {
			w.store = w.newStore("records/", warehouse.Parquet)
			w.grow(t, cfg, 14, func(next warehouse.Place, n int) { w.commit(t, next, "2026-11-24", n) })
		}, audit.Well},
		"a link without records, of no bytes": {audit.Unreadable, func(t *testing.T, w *world, _ *audit.Config) {
			w.emptyZstd(t, "")
		}, audit.Well},
		"a link without records, of an empty frame": {audit.Unreadable, func(t *testing.T, w *world, _ *audit.Config) {
			encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
			if err != nil {
				t.Fatal(err)
			}
			w.emptyZstd(t, string(encoder.EncodeAll(nil, nil)))
		}, audit.Well},
		"what the start of a consumer leaves": {audit.Foreign, func(t *testing.T, w *world, _ *audit.Config) {
			w.put(t, "records/_preflight", "", nil)
			w.put(t, "errors/_preflight", "", nil)
			w.put(t, "records/_preflight-ABC", "", nil) // of a check that must not delete
		}, audit.Well},
		"dead letters whose link was removed": {audit.DeadLetterFaults, func(t *testing.T, w *world, cfg *audit.Config) {
			w.remove(t, w.firstKey(firstShard))
			w.remove(t, w.keys["100"])
			w.remove(t, w.keys["103"])
			cfg.Source = stream{7, 12}.source()
		}, audit.Unchecked},
		"dead letters of another application": {audit.DeadLetterFaults, func(t *testing.T, w *world, _ *audit.Config) {
			w.put(t, "errors/other/x.ndjson", "{}", map[string]string{"application": "other"})
		}, audit.Well},
		"dead letters under another name": {audit.DeadLetterFaults, func(t *testing.T, w *world, _ *audit.Config) {
			w.edit(t, w.letters["103"], func(body string, m map[string]string) string {
				w.put(t, "errors/app/x.ndjson", body, m)
				return body
			})
			w.remove(t, w.letters["103"])
			w.edit(t, w.keys["103"], metadata("dead-letters", "errors/app/x.ndjson"))
		}, audit.Well},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, warehouse.NDJSON)
			r := w.run(t, func(cfg *audit.Config) { w.everything(cfg); tc.change(t, w, cfg) })
			if r.Faults[tc.finding] != 0 || r.Verdict != tc.verdict {
				t.Errorf("%s, %s\n%s\nunchecked %v", r.Verdict, tc.finding, strings.Join(r.Details, "\n"), r.Unchecked)
			}
		})
	}
}

// What was removed is told, with the link that is the first now.
func TestWhatWasRemovedIsTold(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.remove(t, w.firstKey(firstShard))
	w.remove(t, w.keys["100"])
	w.remove(t, w.keys["103"])
	r := w.run(t, func(cfg *audit.Config) { w.everything(cfg); cfg.Source = stream{7, 12}.source() })
	if !r.OK() || r.Removed[firstShard] != w.keys["106"] || len(r.Removed) != 1 || r.RemovedRecords != 6 || r.RemovedDeadLetters != 1 {
		t.Errorf("removed %v, %d records, %d dead letter objects\n%s", r.Removed, r.RemovedRecords, r.RemovedDeadLetters, strings.Join(r.Details, "\n"))
	}
	if lines := strings.Join(r.Lines(), "\n"); !strings.Contains(lines, `removed before "`+w.keys["106"]+`"`) {
		t.Error(lines)
	}
	// The stream still has the last of them: they are lost, whoever removed them.
	r = w.run(t, func(cfg *audit.Config) { w.everything(cfg); cfg.Source = stream{6, 12}.source() })
	if r.Verdict != audit.Faulty || r.Faults[audit.Lost] != 1 || r.RemovedRecords != 5 {
		t.Errorf("%s, lost %d, removed %d", r.Verdict, r.Faults[audit.Lost], r.RemovedRecords)
	}
}

// changed is the whole stream of a world, with records that differ.
func changed(change func(n int, r *audit.Record)) *source {
	s := stream{1, 12}.source()
	s.record = func(n int) audit.Record {
		r := record(n)
		change(n, &r)
		return r
	}
	return s
}

// replaceLine makes a record a copy of another, in the object, the stream and the ledger.
func (w *world) replaceLine(t *testing.T, cfg *audit.Config, n, copied int) {
	t.Helper()
	w.edit(t, w.keys["206"], replace(event(n, "512"), event(copied, "512")))
	for i, line := range w.ledger {
		w.ledger[i] = strings.Replace(line, callID(n)+",", callID(copied)+",", 1)
	}
	w.everything(cfg)
	cfg.Source = changed(func(at int, r *audit.Record) {
		if at == n {
			r.Data = record(copied).Data
		}
	})
}

// everywhere replaces a text in all objects and in the stream.
func (w *world) everywhere(t *testing.T, cfg *audit.Config, old, text string) {
	t.Helper()
	for _, key := range w.keys {
		w.edit(t, key, func(body string, _ map[string]string) string { return strings.ReplaceAll(body, old, text) })
	}
	cfg.Source = changed(func(n int, r *audit.Record) {
		if !rejected(n) {
			r.Data = []byte(strings.Replace(string(r.Data), old, text, 1))
		}
	})
}

// grow commits records after the ends of the chains, up to the newest of each shard.
func (w *world) grow(t *testing.T, cfg *audit.Config, newest int, commit func(next warehouse.Place, n int)) {
	t.Helper()
	table := w.table()
	for shard, base := range bases {
		for n := base + 13; n <= base+newest; n++ {
			commit(warehouse.Place{Shard: shard, Previous: number(n - 1), Day: "2026-11-24"}, n)
		}
		table.Checkpoints[shard] = audit.Checkpoint{Last: number(base + newest), Day: "2026-11-24"}
	}
	w.everything(cfg)
	cfg.Source, cfg.Table = stream{1, newest}.source(), table
}

// emptyZstd makes the first link of a shard a zstd object with this body.
func (w *world) emptyZstd(t *testing.T, body string) {
	t.Helper()
	key := w.firstKey(secondShard)
	w.move(t, key, key+".zst", map[string]string{"format": string(warehouse.NDJSONZstd)})
	w.edit(t, key+".zst", func(string, map[string]string) string { return body })
}
