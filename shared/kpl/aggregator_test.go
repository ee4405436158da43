package kpl_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/shared/kpl"
)

type userRecord struct {
	partitionKey, explicitHashKey string
	data                          []byte
}

func drawUserRecord(t *rapid.T) userRecord {
	return userRecord{
		partitionKey:    rapid.SampledFrom([]string{"p", "q", "a longer partition key", "é"}).Draw(t, "partition key"),
		explicitHashKey: rapid.SampledFrom([]string{"0", "7", halfway, lastHashKey}).Draw(t, "explicit hash key"),
		data:            rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
	}
}

// What is packed comes out again. Containers are within the limit, and as full as they can be. That the library which
// vmware-go-kcl-v2's worker de-aggregates with reads them too is tested in scripts/lab/kpl.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(0, 2000).Draw(rt, "limit")
		a := kpl.NewAggregator(limit)
		var waiting []userRecord
		for _, r := range rapid.SliceOf(rapid.Custom(drawUserRecord)).Draw(rt, "records") {
			key := hashKey(t, r.explicitHashKey)
			if !a.Add(r.partitionKey, key, r.data) {
				if a.Count() != len(waiting) {
					rt.Fatalf("a refused record changed the count from %d to %d", len(waiting), a.Count())
				}
				checkContainer(t, rt, a, limit, waiting)
				waiting = nil
				if !a.Add(r.partitionKey, key, r.data) {
					alone := kpl.NewAggregator(1 << 20)
					alone.Add(r.partitionKey, key, r.data)
					if alone.Bytes() <= limit || a.Count() != 0 {
						rt.Fatalf("refused a container of %d bytes with a limit of %d", alone.Bytes(), limit)
					}
					continue
				}
			}
			if waiting = append(waiting, r); a.ExplicitHashKey() != hashKey(t, waiting[0].explicitHashKey) {
				rt.Fatal("not the explicit hash key of the first user record")
			}
		}
		checkContainer(t, rt, a, limit, waiting)
	})
}

func checkContainer(t *testing.T, rt *rapid.T, a *kpl.Aggregator, limit int, want []userRecord) {
	size := a.Bytes()
	container := a.Flush([]byte("before"))
	container, found := bytes.CutPrefix(container, []byte("before"))
	if !found || a.Count() != 0 {
		rt.Fatal("Flush must append and start anew")
	}
	if len(want) == 0 {
		if len(container) != 0 {
			rt.Fatalf("a container of nothing: %q", container)
		}
		return
	}
	if len(container) != size || size > limit {
		rt.Fatalf("%d bytes, announced %d, limit %d", len(container), size, limit)
	}
	got := split(t, container, everything(t))
	if len(got) != len(want) {
		rt.Fatalf("%d user records, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; g.SubSequence != i || g.Reason != "" || string(g.PartitionKey) != w.partitionKey || string(g.ExplicitHashKey) != w.explicitHashKey || !bytes.Equal(g.Data, w.data) {
			rt.Fatalf("user record %d: got %+v, want %+v", i, g, w)
		}
	}
}

// With one explicit hash key a container belongs as a whole to either child of a split.
func TestOneExplicitHashKeySurvivesASplit(t *testing.T) {
	a := kpl.NewAggregator(1 << 20)
	for _, data := range []string{"one", "two"} {
		a.Add("call "+data, hashKey(t, halfway), []byte(data))
	}
	data := a.Flush(nil)
	if got, want := outline(split(t, data, keyRange(t, halfway, lastHashKey))), []string{"0:one", "1:two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if bytes.Count(data, []byte(halfway)) != 1 {
		t.Error("the explicit hash key is stored more than once")
	}
}

func BenchmarkAggregator(b *testing.B) {
	a, data, key := kpl.NewAggregator(1<<20), make([]byte, 1000), hashKey(b, halfway)
	dst := make([]byte, 0, 1<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if !a.Add("b1946ac9-2492-4d23-8a11-000000000000", key, data) {
			a.Flush(dst)
		}
	}
}
