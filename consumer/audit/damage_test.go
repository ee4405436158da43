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
	for name, tc := range map[string]struct {
		damage func(t *testing.T, w *world)
		want   map[audit.Fault]int // with a ledger
		full   map[audit.Fault]int // with the stream and the lease table, too; nil: the same
	}{
		"an object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["203"]) },
			map[audit.Fault]int{audit.Lost: 3, audit.BrokenLinks: 1},
			nil,
		},
		"the first object is gone": {
			func(t *testing.T, w *world) {
				w.remove(t, w.firstKey(firstShard))
			},
			nil, // as a lifecycle rule does
			nil,
		},
		"the last object is gone": {
			func(t *testing.T, w *world) { w.remove(t, w.keys["209"]) },
			map[audit.Fault]int{audit.Lost: 3},
			map[audit.Fault]int{audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"an object under another name": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(body string, m map[string]string) string {
					w.put(t, strings.Replace(w.keys["203"], "203", "204", 1), body, m)
					return body
				})
			},
			map[audit.Fault]int{audit.Foreign: 1},
			nil,
		},
		"an object of another program": {
			func(t *testing.T, w *world) { w.put(t, "records/dt=2026-11-24/part-00000.json", "{}", nil) },
			map[audit.Fault]int{audit.Foreign: 1},
			nil,
		},
		"a link that overlaps": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: secondShard, Previous: "208", Day: "2026-11-24"}, "2026-11-24", 209)
				w.ledger = w.ledger[:len(w.ledger)-1]
			},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1, audit.Misplaced: 1},
		},
		"a chain that begins twice": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: secondShard, Previous: "150", Day: warehouse.FirstDay}, "2026-11-23")
			},
			map[audit.Fault]int{audit.BrokenLinks: 1},
			nil,
		},
		"a link of another day": {
			func(t *testing.T, w *world) {
				w.commit(t, warehouse.Place{Shard: secondShard, Previous: "212", Day: "2026-11-25"}, "2026-11-25", 213)
			},
			map[audit.Fault]int{audit.BrokenLinks: 1},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1, audit.Misplaced: 1},
		},
		"a link of another stream": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("stream", "arn:stream@2")) },
			map[audit.Fault]int{audit.BrokenLinks: 1},
			nil,
		},
		"a last sequence number too small": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "205")) },
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Misplaced: 1},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1, audit.Lost: 1, audit.WrongDay: 1},
		},
		"a last sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("last", "207")) },
			map[audit.Fault]int{audit.BrokenLinks: 1},
			map[audit.Fault]int{audit.BrokenLinks: 1, audit.Duplicates: 1, audit.Lost: 1, audit.Misplaced: 1, audit.WrongDay: 1},
		},
		"a first sequence number too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("first", "205")) },
			map[audit.Fault]int{audit.Misplaced: 1},
			nil,
		},
		"metadata that contradicts itself": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("first", "300")) },
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"no metadata": {
			func(t *testing.T, w *world) {
				w.remove(t, w.keys["209"])
				w.put(t, w.keys["209"], event(210, "512")+"\n", nil)
			},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"a line is gone": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", "")) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1},
			nil,
		},
		"a line is there twice": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", event(205, "512")+"\n"+event(205, "512")+"\n"))
			},
			map[audit.Fault]int{audit.Duplicates: 1, audit.WrongCounts: 1},
			nil,
		},
		"a line in place of another": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["206"], replace(event(207, "512"), event(206, "512")))
			},
			map[audit.Fault]int{audit.Lost: 1, audit.Duplicates: 1, audit.Misplaced: 1},
			map[audit.Fault]int{audit.Lost: 1, audit.Duplicates: 1},
		},
		"two lines exchanged": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(string, map[string]string) string {
					return event(205, "512") + "\n" + event(204, "512") + "\n" + event(206, "512") + "\n"
				})
			},
			map[audit.Fault]int{audit.OutOfOrder: 1},
			nil,
		},
		"a line of another shard": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], replace(event(205, "512"), event(101, "512")))
				w.edit(t, w.keys["100"], replace(event(101, "512"), event(205, "512")))
			},
			map[audit.Fault]int{audit.Misplaced: 2},
			map[audit.Fault]int{audit.Lost: 2, audit.Duplicates: 2},
		},
		"user_id a string": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", `"512"`)) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
			map[audit.Fault]int{audit.UserIDNotInteger: 1, audit.Altered: 1},
		},
		"user_id a fraction": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "512.0")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
			map[audit.Fault]int{audit.UserIDNotInteger: 1, audit.Altered: 1},
		},
		"user_id too large": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "9223372036854775808")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
			map[audit.Fault]int{audit.UserIDNotInteger: 1, audit.Altered: 1},
		},
		"no user_id": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("user_id", "user")) },
			map[audit.Fault]int{audit.UserIDNotInteger: 1},
			map[audit.Fault]int{audit.UserIDNotInteger: 1, audit.Altered: 1},
		},
		"a cut line": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512}}", "512}")) },
			map[audit.Fault]int{audit.NotJSON: 1, audit.Lost: 1},
			map[audit.Fault]int{audit.NotJSON: 1, audit.Lost: 1, audit.Duplicates: 1},
		},
		"another number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("records", "4")) },
			map[audit.Fault]int{audit.WrongCounts: 1},
			nil,
		},
		"an absurd number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], metadata("records", "1000000000000000000")) },
			map[audit.Fault]int{audit.WrongCounts: 1},
			nil,
		},
		"another number of rejected records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["103"], metadata("rejected", "2")) },
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
			nil,
		},
		"dead letters are gone": {
			func(t *testing.T, w *world) { w.remove(t, w.letters["103"]) },
			map[audit.Fault]int{audit.DeadLetterFaults: 1, audit.Lost: 1},
			nil,
		},
		"a dead letter twice": {
			func(t *testing.T, w *world) {
				w.edit(t, w.letters["103"], func(body string, _ map[string]string) string { return body + body })
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1, audit.Duplicates: 1},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"a record twice, and the metadata agrees": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["200"], replace(event(201, "512")+"\n", event(201, "512")+"\n"+event(201, "512")+"\n"))
				w.edit(t, w.keys["200"], metadata("records", "4"))
			},
			map[audit.Fault]int{audit.Duplicates: 1},
			nil,
		},
		"a record of an old link in a later one, too": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["209"], func(body string, m map[string]string) string {
					m["records"] = "4"
					return body + event(201, "512") + "\n"
				})
			},
			map[audit.Fault]int{audit.Duplicates: 1, audit.Misplaced: 1},
			map[audit.Fault]int{audit.Duplicates: 1},
		},
		"a dead letter twice, and the metadata agrees": {
			func(t *testing.T, w *world) {
				w.edit(t, w.letters["103"], func(body string, _ map[string]string) string { return body + body })
				w.edit(t, w.keys["103"], metadata("rejected", "2"))
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1, audit.Duplicates: 1},
			map[audit.Fault]int{audit.DeadLetterFaults: 2},
		},
		"a dead letter of another place": {
			func(t *testing.T, w *world) {
				w.edit(t, w.letters["103"], replace(`"105"`, `"110"`))
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
			map[audit.Fault]int{audit.DeadLetterFaults: 2},
		},
		"broken dead letters": {
			func(t *testing.T, w *world) {
				w.put(t, w.letters["103"], "{oops", nil)
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 2, audit.Lost: 1},
			nil,
		},
		"dead letters of no link": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["203"], "records/", "errors/", 1), "", nil)
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
			nil,
		},
		"a record in an object and in the dead letters": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["103"], replace(event(104, "512"), event(105, "512")))
			},
			map[audit.Fault]int{audit.Duplicates: 1, audit.Lost: 1},
			nil,
		},
		"another byte": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("512", "513")) },
			nil,
			map[audit.Fault]int{audit.Altered: 1},
		},
		"a carriage return": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["203"], replace("\n", "\r\n")) },
			nil,
			map[audit.Fault]int{audit.Altered: 1},
		},
		"no line feed at the end": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], func(body string, _ map[string]string) string { return strings.TrimSuffix(body, "\n") })
			},
			map[audit.Fault]int{audit.Unreadable: 1, audit.Lost: 1},
			nil,
		},
		"a dead letter with another reason": {
			func(t *testing.T, w *world) { w.edit(t, w.letters["103"], replace("user_id_not_integer", "not_json")) },
			nil,
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"a dead letter with other bytes": {
			func(t *testing.T, w *world) { w.edit(t, w.letters["103"], replace(`"data":"eyJt`, `"data":"IHsi`)) },
			nil,
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"a dead letter with another partition key": {
			func(t *testing.T, w *world) { w.edit(t, w.letters["103"], replace(`"p"`, `"q"`)) },
			nil,
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"a dead letter that arrived at another time": {
			func(t *testing.T, w *world) { w.edit(t, w.letters["103"], replace("12:00:45", "12:00:46")) },
			nil,
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
		},
		"dead letters of another link": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["109"], metadata("dead-letters", w.letters["103"])) },
			map[audit.Fault]int{audit.DeadLetterFaults: 3, audit.Duplicates: 1, audit.Lost: 1}, // range, named twice, of no link
			map[audit.Fault]int{audit.DeadLetterFaults: 4, audit.Lost: 1},
		},
		"dead letters elsewhere": {
			func(t *testing.T, w *world) {
				w.edit(t, w.letters["103"], func(body string, m map[string]string) string { w.put(t, "other/x", body, m); return body })
				w.remove(t, w.letters["103"])
				w.edit(t, w.keys["103"], metadata("dead-letters", "other/x"))
			},
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
			nil,
		},
		"a negative number of records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("records", "-1")) },
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"a negative number of rejected records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("rejected", "-1")) },
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"a number of records that is none": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("records", "99999999999999999999")) },
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3},
			map[audit.Fault]int{audit.Foreign: 1, audit.Lost: 3, audit.BrokenLinks: 1},
		},
		"an absurd number of rejected records in the metadata": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["103"], metadata("rejected", "1000000000000000000")) },
			map[audit.Fault]int{audit.DeadLetterFaults: 1},
			nil,
		},
		"an absurd number in a link without records": {
			func(t *testing.T, w *world) {
				w.edit(t, w.firstKey(secondShard), metadata("records", "9223372036854775807"))
			},
			map[audit.Fault]int{audit.Foreign: 1}, // the chain begins late
			nil,
		},
		"a partition too early": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["203"], metadata("next-day", "2026-11-23"))
				w.move(t, w.keys["206"], strings.Replace(w.keys["206"], "11-24", "11-23", 1), nil)
			},
			nil,
			map[audit.Fault]int{audit.WrongDay: 3},
		},
		"a partition too late": {
			func(t *testing.T, w *world) {
				w.edit(t, w.keys["206"], metadata("next-day", "2026-11-25"))
				w.move(t, w.keys["209"], strings.Replace(w.keys["209"], "11-24", "11-25", 1), map[string]string{"next-day": "2026-11-25"})
			},
			nil,
			map[audit.Fault]int{audit.WrongDay: 1, audit.BrokenLinks: 1},
		},
		"a tip that goes on on another day": {
			func(t *testing.T, w *world) { w.edit(t, w.keys["209"], metadata("next-day", "2026-12-24")) },
			nil,
			map[audit.Fault]int{audit.WrongDay: 1, audit.BrokenLinks: 1},
		},
		"a chain is gone": {
			func(t *testing.T, w *world) { w.removeChain(t, secondShard) },
			map[audit.Fault]int{audit.Lost: 12},
			map[audit.Fault]int{audit.Lost: 12, audit.BrokenLinks: 1},
		},
		"the first records are gone": {
			func(t *testing.T, w *world) {
				w.remove(t, w.firstKey(secondShard))
				w.remove(t, w.keys["200"])
			},
			nil, // as a lifecycle rule does
			map[audit.Fault]int{audit.Lost: 3},
		},
		"a shard that is no name": {
			func(t *testing.T, w *world) {
				w.put(t, strings.Replace(w.keys["203"], secondShard, "\x1b[2J", 1), "", nil)
			},
			map[audit.Fault]int{audit.Foreign: 1},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, warehouse.NDJSON)
			tc.damage(t, w)
			check(t, "with a ledger", w.verify(t, true), tc.want)
			bare := maps.Clone(tc.want)
			maps.DeleteFunc(bare, func(f audit.Fault, _ int) bool {
				return slices.Contains([]audit.Fault{audit.Lost, audit.OutOfOrder, audit.Misplaced}, f)
			})
			check(t, "without a ledger", w.verify(t, false), bare)
			if tc.full == nil {
				tc.full = tc.want
			}
			check(t, "with everything", w.run(t, w.everything), tc.full)
			for oldest := 1; oldest <= 13 && len(bare) > 0; oldest += 3 { // more to compare with is never weaker
				held := stream{oldest, 12}
				if r := w.run(t, func(cfg *audit.Config) { cfg.Source = held.source() }); r.Verdict != audit.Faulty {
					t.Errorf("with the stream %v: %s, without %v", held, r.Verdict, bare)
				}
			}
		})
	}
}

// check wants these faults. Of no damage may it say that all is well.
func check(t *testing.T, with string, r audit.Report, want map[audit.Fault]int) {
	t.Helper()
	verdict := audit.Faulty
	if len(want) == 0 {
		verdict = audit.Unchecked
	}
	if got := faults(r); !maps.Equal(got, want) || r.Verdict != verdict {
		t.Errorf("%s: found %v, %s; want %v, %s\n%s", with, got, r.Verdict, want, verdict, strings.Join(r.Details, "\n"))
	}
}
