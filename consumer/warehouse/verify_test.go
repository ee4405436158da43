package warehouse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// world is a small warehouse with its ledger: two shards with records 101 to 112 and 201 to 212 in links of three,
// the second day from 107 and 207 on, 105 and 110 in the dead letters.
type world struct {
	server
	store  *warehouse.Store
	cfg    warehouse.Verification
	ledger []string
	keys   map[sequence.Number]string // of the link by the sequence number before it
}

func newWorld(t *testing.T, format warehouse.Format) *world {
	t.Helper()
	w := &world{server: fakeS3(t), keys: map[sequence.Number]string{}}
	w.store, _ = w.server.store(w.client, func(c *warehouse.Config) { c.Format = format })
	if err := w.store.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.cfg = warehouse.Verification{
		Locations: []warehouse.Location{{Bucket: w.bucket, Prefix: "records/"}},
		Errors:    []warehouse.Location{{Bucket: w.bucket, Prefix: "errors/"}},
	}
	w.chain(t, "shardId-000000000000", 100)
	w.chain(t, "shardId-000000000001", 200)
	return w
}

func (w *world) chain(t *testing.T, shard string, start int) {
	link := w.commit(t, warehouse.Place{Shard: shard, Previous: number(start), Day: warehouse.FirstDay}, "2026-11-23")
	for first := start + 1; first <= start+12; first += 3 {
		day := "2026-11-23"
		if first >= start+4 {
			day = "2026-11-24"
		}
		link = w.commit(t, link.Next(), day, first, first+1, first+2)
	}
}

func number(n int) sequence.Number { return sequence.Number(fmt.Sprint(n)) }

func callID(n int) string { return fmt.Sprint("call-", n) }

func event(n int, userID string) string {
	return fmt.Sprintf(`{"event":{"property":{"call_id":%q}},"user":{"user_id":%s}}`, callID(n), userID)
}

// commit makes a link of those records and enters them into the ledger.
func (w *world) commit(t *testing.T, at warehouse.Place, nextDay string, records ...int) warehouse.Link {
	t.Helper()
	b := w.store.NewBatch()
	b.Begin(at)
	var err error
	for _, n := range records {
		b.Append(number(n))
		if n == 105 || n == 110 {
			err = b.AddDeadLetter(warehouse.DeadLetter{ShardID: at.Shard, SequenceNumber: fmt.Sprint(n), Reason: transform.UserIDNotInteger, Data: []byte(event(n, `"x"`))})
		} else {
			err = b.AddLine([]byte(event(n, "512") + "\n"))
		}
		if err != nil {
			t.Fatal(err)
		}
		w.ledger = append(w.ledger, fmt.Sprintf("%s,%s,%d", callID(n), at.Shard, n))
	}
	if err := b.Seal(nextDay); err != nil {
		t.Fatal(err)
	}
	link, err := commit(t.Context(), w.store, b)
	if err != nil {
		t.Fatal(err)
	}
	if link.Rejected > 0 {
		if err := w.store.PutDeadLetters(t.Context(), link, b); err != nil {
			t.Fatal(err)
		}
	}
	if len(records) > 0 {
		w.keys[at.Previous] = link.Key()
	}
	return link
}

func (w *world) verify(t *testing.T, withLedger bool) warehouse.Report {
	t.Helper()
	cfg := w.cfg
	if withLedger {
		cfg.Ledger = strings.NewReader(strings.Join(w.ledger, "\n") + "\n")
	}
	report, err := warehouse.Verify(t.Context(), w.client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// edit rewrites an object: its body, and its metadata in place.
func (w *world) edit(t *testing.T, key string, change func(body string, metadata map[string]string) string) {
	t.Helper()
	out, err := w.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, key, change(string(body), out.Metadata), out.Metadata)
}

func (w *world) put(t *testing.T, key, body string, metadata map[string]string) {
	t.Helper()
	_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: strings.NewReader(body), Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) remove(t *testing.T, key string) {
	t.Helper()
	if _, err := w.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &w.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// replace is an edit of the body alone.
func replace(old, new string) func(string, map[string]string) string {
	return func(body string, _ map[string]string) string { return strings.Replace(body, old, new, 1) }
}

// metadata is an edit of one value of the metadata.
func metadata(key, value string) func(string, map[string]string) string {
	return func(body string, m map[string]string) string { m[key] = value; return body }
}

// faults are those that were found.
func faults(r warehouse.Report) map[warehouse.Fault]int {
	list := maps.Clone(r.Faults)
	maps.DeleteFunc(list, func(_ warehouse.Fault, n int) bool { return n == 0 })
	return list
}

func TestASoundWarehouse(t *testing.T) {
	for _, format := range []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip} {
		w := newWorld(t, format)
		calls := 0
		w.cfg.Progress = func(warehouse.Report) { calls++ }
		r := w.verify(t, true)
		if !r.OK() || len(r.Details) > 0 || r.Objects != 10 || calls != 10 || r.Records != 22 || r.DeadLetters != 2 || r.LedgerRecords != 24 || r.NotInLedger+r.Resent+r.NoCallID != 0 {
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

func TestEveryDamageIsFound(t *testing.T) {
	const first, second = "shardId-000000000000", "shardId-000000000001"
	for name, tc := range map[string]struct {
		damage func(t *testing.T, w *world)
		want   map[warehouse.Fault]int
	}{
		"an object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["203"]) },
			map[warehouse.Fault]int{warehouse.Lost: 3, warehouse.BrokenLinks: 1},
		},
		"the first object is gone": {
			func(t *testing.T, w *world) {
				w.remove(t, warehouse.Place{Shard: first, Previous: "100", Day: warehouse.FirstDay}.Key("records/", warehouse.NDJSON))
			},
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1},
		},
		"the last object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["209"]) },
			map[warehouse.Fault]int{warehouse.Lost: 3},
		},
		"an object under another name": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(body string, m map[string]string) string {
					w.put(t, strings.Replace(w.keys["203"], "203", "204", 1), body, m)
					return body
				})
			},
			map[warehouse.Fault]int{warehouse.Foreign: 1},
		},
		"an object of another program": {
			func(t *testing.T, w *world) { w.put(t, "records/dt=2026-11-24/part-00000.json", "{}", nil) },
			map[warehouse.Fault]int{warehouse.Foreign: 1},
		},
		"a link that overlaps": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: second, Previous: "208", Day: "2026-11-24"}, "2026-11-24", 209)
				w.ledger = w.ledger[:len(w.ledger)-1]
			},
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1, warehouse.Duplicates: 1},
		},
		"a link of another day": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: second, Previous: "212", Day: "2026-11-25"}, "2026-11-25", 213)
			},
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1},
		},
		"a link of another stream": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("stream", "arn:stream@2")) },
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1},
		},
		"a last sequence number too small": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "205")) },
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1, warehouse.Misplaced: 1},
		},
		"a last sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "207")) },
			map[warehouse.Fault]int{warehouse.BrokenLinks: 1},
		},
		"a first sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("first", "205")) },
			map[warehouse.Fault]int{warehouse.Misplaced: 1},
		},
		"metadata that contradicts itself": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("first", "300")) },
			map[warehouse.Fault]int{warehouse.Foreign: 1, warehouse.Lost: 3},
		},
		"no metadata": {
			func(t *testing.T, w *world) {
				w.remove(t, w.keys["209"])
				w.put(t, w.keys["209"], event(210, "512")+"\n", nil)
			},
			map[warehouse.Fault]int{warehouse.Foreign: 1, warehouse.Lost: 3},
		},
		"a line is gone": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", "")) },
			map[warehouse.Fault]int{warehouse.Lost: 1, warehouse.WrongCounts: 1},
		},
		"a line is there twice": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", event(205, "512")+"\n"+event(205, "512")+"\n"))
			},
			map[warehouse.Fault]int{warehouse.Duplicates: 1, warehouse.WrongCounts: 1},
		},
		"a line in place of another": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["206"], replace(event(207, "512"), event(206, "512")))
			},
			map[warehouse.Fault]int{warehouse.Lost: 1, warehouse.Duplicates: 1, warehouse.Misplaced: 1},
		},
		"two lines exchanged": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(string, map[string]string) string {
					return event(205, "512") + "\n" + event(204, "512") + "\n" + event(206, "512") + "\n"
				})
			},
			map[warehouse.Fault]int{warehouse.OutOfOrder: 1},
		},
		"a line of another shard": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512"), event(101, "512")))
				w.edit(t, w.keys["100"], replace(event(101, "512"), event(205, "512")))
			},
			map[warehouse.Fault]int{warehouse.Misplaced: 2},
		},
		"user_id a string": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", `"512"`)) },
			map[warehouse.Fault]int{warehouse.UserIDNotInteger: 1},
		},
		"user_id a fraction": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "512.0")) },
			map[warehouse.Fault]int{warehouse.UserIDNotInteger: 1},
		},
		"user_id too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "9223372036854775808")) },
			map[warehouse.Fault]int{warehouse.UserIDNotInteger: 1},
		},
		"no user_id": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("user_id", "user")) },
			map[warehouse.Fault]int{warehouse.UserIDNotInteger: 1},
		},
		"a cut line": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512}}", "512}")) },
			map[warehouse.Fault]int{warehouse.NotJSON: 1, warehouse.Lost: 1},
		},
		"another number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("records", "4")) },
			map[warehouse.Fault]int{warehouse.WrongCounts: 1},
		},
		"another number of rejected records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["103"], metadata("rejected", "2")) },
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 1},
		},
		"dead letters are gone": {
			func(t *testing.T, w *world) { w.remove(t, strings.Replace(w.keys["103"], "records/", "errors/", 1)) },
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 1, warehouse.Lost: 1},
		},
		"a dead letter twice": {
			func(t *testing.T, w *world) {
				w.edit(t, strings.Replace(w.keys["103"], "records/", "errors/", 1), func(body string, _ map[string]string) string { return body + body })
			},
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 1, warehouse.Duplicates: 1},
		},
		"a dead letter of another place": {
			func(t *testing.T, w *world) {
				w.edit(t, strings.Replace(w.keys["103"], "records/", "errors/", 1), replace(`"105"`, `"110"`))
			},
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 1},
		},
		"broken dead letters": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["103"], "records/", "errors/", 1), "{oops", nil)
			},
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 2, warehouse.Lost: 1},
		},
		"dead letters of no link": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["203"], "records/", "errors/", 1), "", nil)
			},
			map[warehouse.Fault]int{warehouse.DeadLetterFaults: 1},
		},
		"a record in an object and in the dead letters": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["103"], replace(event(104, "512"), event(105, "512")))
			},
			map[warehouse.Fault]int{warehouse.Duplicates: 1, warehouse.Lost: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, warehouse.NDJSON)
			tc.damage(t, w)
			r := w.verify(t, true)
			if got := faults(r); r.OK() || !maps.Equal(got, tc.want) {
				t.Errorf("found %v, want %v\n%s", got, tc.want, strings.Join(r.Details, "\n"))
			}
			needsLedger := func(f warehouse.Fault, _ int) bool {
				return slices.Contains([]warehouse.Fault{warehouse.Lost, warehouse.OutOfOrder, warehouse.Misplaced}, f)
			}
			want := maps.Clone(tc.want)
			maps.DeleteFunc(want, needsLedger)
			if got := faults(w.verify(t, false)); !maps.Equal(got, want) {
				t.Errorf("without a ledger found %v, want %v", got, want)
			}
		})
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
		if r := w.verify(t, false); r.Faults[warehouse.Unreadable] != 1 {
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

func TestWhatTheProducerSentTwiceIsNoDuplicate(t *testing.T) {
	again := func(t *testing.T, w *world, ledger ...string) map[warehouse.Fault]int {
		w.edit(t, w.keys["206"], replace(event(207, "512")+"\n", event(205, "512")+"\n"))
		w.ledger = slices.DeleteFunc(w.ledger, func(line string) bool {
			return strings.HasPrefix(line, callID(205)+",") || strings.HasPrefix(line, callID(207)+",")
		})
		w.ledger = append(w.ledger, ledger...)
		r := w.verify(t, true)
		if wantResent := 1 - r.Faults[warehouse.Duplicates]; r.Resent != wantResent {
			t.Errorf("%d sent twice, want %d", r.Resent, wantResent)
		}
		return faults(r)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,205", "call-205,shardId-000000000001,207"); len(got) > 0 {
		t.Errorf("acknowledged twice: %v", got)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,207,1"); len(got) > 0 {
		t.Errorf("one unknown send before: %v", got)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,205,0"); got[warehouse.Duplicates] != 1 {
		t.Errorf("acknowledged once: %v", got)
	}
}

func TestInformation(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.edit(t, w.keys["203"], replace("call_id", "id"))
	w.ledger = slices.DeleteFunc(w.ledger, func(line string) bool {
		return strings.HasPrefix(line, callID(204)+",") || strings.HasPrefix(line, callID(101)+",")
	})
	r := w.verify(t, true)
	if !r.OK() || r.NoCallID != 1 || r.NotInLedger != 1 || r.LedgerRecords != 22 {
		t.Errorf("%+v", r)
	}
	var back warehouse.Report
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || back.Records != r.Records || !maps.Equal(back.Faults, r.Faults) || !bytes.Contains(b, []byte(`"lost":0`)) {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	if lines := strings.Join(w.verify(t, false).Lines(), "\n"); !strings.Contains(lines, "not checked without a ledger") {
		t.Errorf("a report without a ledger:\n%s", lines)
	}
}

func TestLedgers(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	good := strings.Join(w.ledger, "\n") + "\n"
	for name, tc := range map[string]struct {
		ledger string
		err    string
		lost   int
	}{
		"good":                  {good, "", 0},
		"quoted":                {good + "\"a,\"\"b\",shardId-000000000001,300\n", "", 1},
		"cut sequence number":   {good + "late,shardId-000000000001,30", "", 0},
		"cut shard":             {good + "late,sha", "", 0},
		"cut quoted call_id":    {good + "\"lat", "", 0},
		"empty":                 {"", "", 0},
		"bad sequence number":   {good + "x,shardId-000000000001,12a\n", "line 25", 0},
		"too few fields":        {"x,shardId-000000000001\n" + good, "line 1", 0},
		"too many fields":       {good + "x,s,1,2,3\n", "5 fields", 0},
		"unknown sends, no one": {good + "x,s,1,many\n", "unknown sends", 0},
		"broken in the middle":  {"x,\"y\"z,1\n" + good, "parse error", 0},
	} {
		cfg := w.cfg
		cfg.Ledger = strings.NewReader(tc.ledger)
		r, err := warehouse.Verify(t.Context(), w.client, cfg)
		if tc.err == "" && (err != nil || r.Faults[warehouse.Lost] != tc.lost || len(faults(r)) > tc.lost) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: %v, want an error about %q", name, err, tc.err)
		}
	}
}

func TestAChainThatMoved(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	moved := w.config()
	moved.Prefix = "moved/"
	w.store, _ = w.server.store(w.client, func(c *warehouse.Config) { *c = moved })
	w.commit(t, warehouse.Place{Shard: "shardId-000000000001", Previous: "212", Day: "2026-11-24"}, "2026-11-24", 213)
	w.cfg.Locations = append(w.cfg.Locations, moved.Location)
	if r := w.verify(t, true); !r.OK() || r.Records != 23 {
		t.Errorf("%+v", r)
	}
}

func TestAStoreThatFailsIsNoFinding(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.cfg.Locations[0].Bucket = "no-such-bucket"
	if r, err := warehouse.Verify(t.Context(), w.client, w.cfg); err == nil || !strings.Contains(err.Error(), "s3://no-such-bucket/records/") {
		t.Errorf("%+v, %v", r, err)
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
