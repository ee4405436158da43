package audit_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

var (
	damages = flag.Int("damages", 1000, "random damages to a warehouse that must not pass")
	seed    = flag.Uint64("seed", rand.Uint64(), "of the random damages")
)

// A good warehouse is damaged at random, and audited with whatever there is to compare with. Of no damage may the
// verdict be that all is well, and nothing else may be faulty.
func TestNoRandomDamagePassesAsWell(t *testing.T) {
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	var good []memory
	var means []map[string]string
	var w *world
	for _, format := range []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet} {
		w = newWorld(t, format)
		good = append(good, w.take(t))
		means = append(means, meaning(good[len(good)-1]))
	}
	verdicts, found := map[audit.Verdict]int{}, map[audit.Fault]int{}
	if testenv.Race { // scripts/test.sh plays all without the race detector
		*damages /= 5
	}
	for n := 0; n < *damages; {
		which := random.IntN(len(good))
		d := &damager{random, good[which].clone()}
		kind := kinds[random.IntN(len(kinds))]
		kind.strike(d)
		damaged := !maps.Equal(means[which], meaning(d.memory))
		with, cfg := w.someEvidence(random)
		r, err := audit.Run(t.Context(), d.memory, cfg)
		switch {
		case err != nil:
			t.Fatalf("damage %d, %s, with %s: %v", n, kind.name, with, err)
		case damaged && r.Verdict == audit.Well, !damaged && r.Verdict == audit.Faulty:
			t.Fatalf("damage %d, %s (damaged: %t), with %s: %s\n%s\n%s", n, kind.name, damaged, with, r.Verdict,
				strings.Join(r.Details, "\n"), difference(means[which], meaning(d.memory)))
		case damaged:
			n++
			verdicts[r.Verdict]++
		}
		for fault := range faults(r) {
			found[fault]++
		}
	}
	t.Log(verdicts, found)
	if verdicts[audit.Faulty] < *damages/3 || *damages >= 1000 && len(found) < 13 {
		t.Errorf("the damages are too much alike: %v, %v", verdicts, found)
	}
}

// someEvidence has each of ledger, stream and table or not, and of the stream more or less.
func (w *world) someEvidence(random *rand.Rand) (with string, cfg audit.Config) {
	cfg, all := w.cfg, w.cfg
	w.everything(&all)
	everything := random.IntN(2) == 0
	if everything || random.IntN(2) == 0 {
		cfg.Ledger, with = all.Ledger, "a ledger, "
	}
	if everything || random.IntN(2) == 0 {
		cfg.Table, with = all.Table, with+"the table, "
	}
	if everything {
		cfg.Source, with = all.Source, with+"the stream"
	} else if random.IntN(2) == 0 {
		held := stream{1 + random.IntN(13), 12}
		cfg.Source, with = held.source(), with+fmt.Sprint("the stream ", held)
	}
	return with, cfg
}

// difference says what a damage has changed, for people.
func difference(old, now map[string]string) (text string) {
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if old[key] != now[key] {
			from := 0 // the first difference, and a little before it
			for from < min(len(old[key]), len(now[key])) && old[key][from] == now[key][from] {
				from++
			}
			from = max(0, from-200)
			text += fmt.Sprintf("%s, from %d on\n  was %.500q\n  is  %.500q\n", key, from, old[key][from:], now[key][from:])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, ok := old[key]; !ok {
			text += fmt.Sprintf("%s\n  new %.2000q\n", key, now[key])
		}
	}
	return text
}
