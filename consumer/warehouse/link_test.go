package warehouse_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

func anyPlace() *rapid.Generator[warehouse.Place] {
	return rapid.Custom(func(t *rapid.T) warehouse.Place {
		previous, err := sequence.Parse(rapid.StringMatching(`[0-9]{1,56}`).Draw(t, "previous"))
		if err != nil {
			t.Fatal(err)
		}
		return warehouse.Place{
			Shard:    rapid.StringMatching(`shardId-[0-9]{12}|[a-zA-Z0-9_.-]{1,20}|x-after-y`).Draw(t, "shard"),
			Previous: previous,
			Day:      warehouse.Day(time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "time"), 0)),
		}
	})
}

func TestKeysReadBackAndSortAsTheChain(t *testing.T) {
	formats := []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet}
	rapid.Check(t, func(t *rapid.T) {
		a, f := anyPlace().Draw(t, "a"), rapid.SampledFrom(formats).Draw(t, "format")
		got, format, err := warehouse.ParseKey("some/prefix/", a.Key("some/prefix/", f))
		if err != nil || got != a || format != f {
			t.Fatalf("%s reads back as %+v %s, %v", a.Key("some/prefix/", f), got, format, err)
		}
		b := a
		b.Previous = anyPlace().Draw(t, "b").Previous
		if strings.Compare(a.Key("", f), b.Key("", f)) != a.Previous.Compare(b.Previous) {
			t.Fatalf("%s and %s sort otherwise than %s and %s", a.Key("", f), b.Key("", f), a.Previous, b.Previous)
		}
	})
}

func TestOtherKeysAreNoLinks(t *testing.T) {
	good := place("100").Key("p/", warehouse.NDJSON)
	for _, key := range []string{"", "p/", "p/_preflight", good + ".bak", good + ".tmp", strings.TrimSuffix(good, ".ndjson"),
		strings.Replace(good, "dt=2026", "dt=26", 1), strings.Replace(good, "0100", "100", 1), strings.Replace(good, "0100", "010x", 1),
		strings.Replace(good, shard, "", 1), strings.TrimPrefix(good, "p/"), strings.Replace(good, "dt=", "", 1)} {
		if p, f, err := warehouse.ParseKey("p/", key); err == nil {
			t.Errorf("%q was read as %+v in %s", key, p, f)
		}
	}
}

func TestMetadataThatContradictsTheKeyOrItselfIsRefused(t *testing.T) {
	at := warehouse.Location{Bucket: "b", Prefix: "p/"}
	key := place("100").Key("p/", warehouse.NDJSON)
	good := map[string]string{"application": "app", "stream": "s", "shard": shard, "previous": "100", "first": "101", "last": "120",
		"next-day": day, "records": "3", "rejected": "1", "dead-letters": "e/x", "format": "ndjson", "writer": "w",
		"any-shard": "true"}
	if l, err := warehouse.ReadLink(at, key, good); err != nil || l.Records != 3 || l.Last != "120" || l.DeadLetters != "e/x" || l.Key() != key || !l.AnyShard {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, change := range []string{"shard=another", "previous=99", "format=parquet", "first=100", "first=121", "last=", "last=x",
		"next-day=2026-11-22", "next-day=tomorrow", "records=many", "application", "stream", "next-day", "dead-letters"} {
		bad := map[string]string{}
		for k, v := range good {
			bad[strings.ToUpper(k)] = v // some stores change the case
		}
		name, value, set := strings.Cut(change, "=")
		delete(bad, strings.ToUpper(name))
		if set {
			bad[name] = value
		}
		if l, err := warehouse.ReadLink(at, key, bad); err == nil {
			t.Errorf("%s: accepted as %+v", change, l)
		}
	}
}

func TestLocationsReadBack(t *testing.T) {
	for _, s := range []string{"s3://bucket/", "s3://bucket/a/b/"} {
		if l, err := warehouse.ParseLocation(s); err != nil || l.String() != s {
			t.Errorf("%s reads back as %s, %v", s, l, err)
		}
	}
	if slices.ContainsFunc([]string{"", "bucket/prefix", "s3://bucket", "s3:///x"}, func(s string) bool {
		_, err := warehouse.ParseLocation(s)
		return err == nil
	}) {
		t.Error("bad location accepted")
	}
}
