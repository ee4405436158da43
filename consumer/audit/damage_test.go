package audit_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
)

func TestEveryDamageIsFound(t *testing.T) {
	const first, second = "shardId-000000000000", "shardId-000000000001"
	for name, tc := range map[string]struct {
		damage func(t *testing.T, w *world)
		want   map[audit.Fault]int
	}{
		"an object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["203"]) },
			map[audit.Fault]int{audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"the first object is gone": {
			func(t *testing.T, w *world) {
				w.remove(t, warehouse.Place{Shard: first, Previous: "100", Day: warehouse.FirstDay}.Key("records/", warehouse.NDJSON))
			},
			map[audit.Fault]int{audit.BrokenLinks: 1},
		},
		"the last object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["209"]) },
			map[audit.Fault]int{audit.Lost: 3},
		},
		"an object under another name": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(body string, m map[string]string) string {
					w.put(t, strings.Replace(w.keys["203"], "203", "204", 1), body, m)
					return body
				})
			},
			map[audit.Fault]int{audit.Foreign: 1},
		},
		"an object of another program": {
			func(t *testing.T, w *world) { w.put(t, "records/dt=2026-11-24/part-00000.json", "{}", nil) },
			map[audit.Fault]int{audit.Foreign: 1},
		},
		"a link that overlaps": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: second, Previous: "208", Day: "2026-11-24"}, "2026-11-24", 209)
				w.ledger = w.ledger[:len(w.ledger)-1]
			},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1},
		},
		"a link of another day": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: second, Previous: "212", Day: "2026-11-25"}, "2026-11-25", 213)
			},
			map[audit.Fault]int{audit.BrokenLinks: 1},
		},
		"a link of another stream": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("stream", "arn:stream@2")) },
			map[audit.Fault]int{audit.BrokenLinks: 1},
		},
		"a last sequence number too small": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "205")) },
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Misplaced: 1},
		},
		"a last sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "207")) },
			map[audit.Fault]int{audit.BrokenLinks: 1},
		},
		"a first sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("first", "205")) },
			map[audit.Fault]int{audit.Misplaced: 1},
		},
		"metadata that contradicts itself": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("first", "300")) },
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
		},
		"no metadata": {
			func(t *testing.T, w *world) {
				w.remove(t, w.keys["209"])
				w.put(t, w.keys["209"], event(210, "512")+"\n", nil)
			},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
		},
		"a line is gone": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", "")) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1},
		},
		"a line is there twice": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", event(205, "512")+"\n"+event(205, "512")+"\n"))
			},
			map[audit.Fault]int{audit.Duplicates: 1, audit.WrongCounts: 1},
		},
		"a line in place of another": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["206"], replace(event(207, "512"), event(206, "512")))
			},
			map[audit.Fault]int{audit.Lost: 1, audit.Duplicates: 1, audit.Misplaced: 1},
		},
		"two lines exchanged": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(string, map[string]string) string {
					return event(205, "512") + "\n" + event(204, "512") + "\n" + event(206, "512") + "\n"
				})
			},
			map[audit.Fault]int{audit.OutOfOrder: 1},
		},
		"a line of another shard": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512"), event(101, "512")))
				w.edit(t, w.keys["100"], replace(event(101, "512"), event(205, "512")))
			},
			map[audit.Fault]int{audit.Misplaced: 2},
		},
		"user_id a string": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", `"512"`)) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
		},
		"user_id a fraction": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "512.0")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
		},
		"user_id too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "9223372036854775808")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
		},
		"no user_id": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("user_id", "user")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
		},
		"a cut line": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512}}", "512}")) },
			map[audit.Fault]int{audit.NotJSON: 1, audit.Lost: 1},
		},
		"another number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("records", "4")) },
			map[audit.Fault]int{audit.WrongCounts: 1},
		},
		"an absurd number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("records", "1000000000000000000")) },
			map[audit.Fault]int{audit.WrongCounts: 1},
		},
		"another number of rejected records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["103"], metadata("rejected", "2")) },
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"dead letters are gone": {
			func(t *testing.T, w *world) {
				w.remove(t, strings.Replace(w.keys["103"], "records/", "errors/app/", 1))
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1, audit.Lost: 1},
		},
		"a dead letter twice": {
			func(t *testing.T, w *world) {
				w.edit(t, strings.Replace(w.keys["103"], "records/", "errors/app/", 1), func(body string, _ map[string]string) string { return body + body })
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1, audit.Duplicates: 1},
		},
		"a dead letter of another place": {
			func(t *testing.T, w *world) {
				w.edit(t, strings.Replace(w.keys["103"], "records/", "errors/app/", 1), replace(`"105"`, `"110"`))
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"broken dead letters": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["103"], "records/", "errors/app/", 1), "{oops", nil)
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 2, audit.Lost: 1},
		},
		"dead letters of no link": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["203"], "records/", "errors/app/", 1), "", nil)
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"a record in an object and in the dead letters": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["103"], replace(event(104, "512"), event(105, "512")))
			},
			map[audit.Fault]int{audit.Duplicates: 1, audit.Lost: 1},
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
			needsLedger := func(f audit.Fault, _ int) bool {
				return slices.Contains([]audit.Fault{audit.Lost, audit.OutOfOrder, audit.Misplaced}, f)
			}
			want := maps.Clone(tc.want)
			maps.DeleteFunc(want, needsLedger)
			if got := faults(w.verify(t, false)); !maps.Equal(got, want) {
				t.Errorf("without a ledger found %v, want %v", got, want)
			}
		})
	}
}
