// Package kpl_test compares how we pack and take apart containers of the Kinesis Producer Library with what AWS's own
// library for Go does. vmware-go-kcl-v2's worker uses that library, and so do many consumers of others.
package kpl_test

import (
	"bytes"
	"crypto/md5"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"
	"github.com/awslabs/kinesis-aggregation/go/v2/records"
	"github.com/golang/protobuf/proto" //lint:ignore SA1019 the library's messages have this API
	"pgregory.net/rapid"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// contain frames a message as a container.
func contain(message []byte) []byte {
	digest := md5.Sum(message)
	return slices.Concat([]byte("\xf3\x89\x9a\xc2"), message, digest[:])
}

// split takes a container apart for a shard that has all hash keys.
func split(t *testing.T, data []byte) []kpl.Record {
	t.Helper()
	all, err := hashkey.ParseRange("0", hashkey.Max().String())
	if err != nil {
		t.Fatal(err)
	}
	seq, ok := kpl.Split(data, all)
	if !ok {
		t.Fatalf("%q is no container", data)
	}
	return slices.Collect(seq)
}

func TestWeReadWhatTheLibraryEncodes(t *testing.T) {
	last := hashkey.Max().String()
	message, err := proto.Marshal(&records.AggregatedRecord{
		PartitionKeyTable:    []string{"p", "q"},
		ExplicitHashKeyTable: []string{last},
		Records: []*records.Record{
			{PartitionKeyIndex: proto.Uint64(1), Data: []byte("one")},
			{PartitionKeyIndex: proto.Uint64(0), ExplicitHashKeyIndex: proto.Uint64(0), Data: []byte{}, Tags: []*records.Tag{{Key: proto.String("k")}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := split(t, contain(message))
	if len(got) != 2 {
		t.Fatalf("%d user records, want 2", len(got))
	}
	if r := got[0]; r.SubSequence != 0 || string(r.PartitionKey) != "q" || r.ExplicitHashKey != nil || string(r.Data) != "one" || r.Reason != "" {
		t.Errorf("first user record: %+v", r)
	}
	if r := got[1]; r.SubSequence != 1 || string(r.PartitionKey) != "p" || string(r.ExplicitHashKey) != last || r.Data == nil || len(r.Data) != 0 || r.Reason != "" {
		t.Errorf("second user record: %+v", r)
	}
}

func TestTheLibraryReadsWhatWePack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, want := kpl.NewAggregator(1<<20), []types.Record{}
		for range rapid.IntRange(1, 50).Draw(rt, "user records") {
			key := rapid.SampledFrom([]string{"p", "q", "a longer partition key", "é"}).Draw(rt, "partition key")
			hash := hashkey.FromWords(rapid.Uint64().Draw(rt, "high"), rapid.Uint64().Draw(rt, "low"))
			data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "data")
			if !a.Add(key, hash, data) {
				rt.Fatal("refused far below the limit")
			}
			want = append(want, types.Record{PartitionKey: &key, Data: data})
		}
		got, err := deaggregator.DeaggregateRecords([]types.Record{{Data: a.Flush(nil), PartitionKey: aws.String("a")}})
		if err != nil || len(got) != len(want) {
			rt.Fatalf("%d user records, want %d (%v)", len(got), len(want), err)
		}
		for i, w := range want {
			if *got[i].PartitionKey != *w.PartitionKey || !bytes.Equal(got[i].Data, w.Data) {
				rt.Fatalf("user record %d: the library got %+v, want %+v", i, got[i], w)
			}
		}
	})
}

// FuzzSplit frames any message as a container, and compares what we find in it with what the library finds.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "\x0a\x01p\x12\x017\x1a\x09\x08\x00\x10\x00\x1a\x03one", "\x1a\x07\x08\x09\x1a\x03one\x0a\x01p", "\x0b\x0c", "\x1a\xff\xff\xff\xff\x0f", "\x0a\x82\x02" + strings.Repeat("k", 258) + "\x1a\x07\x08\x00\x1a\x03one"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		data := contain(message)
		got := split(t, data)
		for _, r := range got {
			if len(r.Data) > len(data) || r.Reason == kpl.OutsideShard {
				t.Fatalf("record %+v of a container of %d bytes", r, len(data))
			}
		}
		var reference records.AggregatedRecord
		if err := proto.Unmarshal(message, &reference); err != nil {
			return // the library is stricter than we are: it wants the partition key index, and well-formed tags
		}
		if len(reference.Records) == 0 {
			if len(got) != 1 || got[0].Reason != kpl.Empty {
				t.Fatalf("no user records, got %+v", got)
			}
			return
		}
		if len(got) != len(reference.Records) {
			t.Fatalf("%d user records, the library has %d", len(got), len(reference.Records))
		}
		for i, want := range reference.Records {
			at := want.GetPartitionKeyIndex()
			inTable := at < uint64(len(reference.PartitionKeyTable)) && utf8.RuneCountInString(reference.PartitionKeyTable[at]) <= 256
			if !bytes.Equal(got[i].Data, want.Data) || inTable == (got[i].Reason == kpl.NoPartitionKey) {
				t.Fatalf("user record %d: got %+v, want %v", i, got[i], want)
			}
			if inTable && string(got[i].PartitionKey) != reference.PartitionKeyTable[at] {
				t.Fatalf("user record %d: partition key %q", i, got[i].PartitionKey)
			}
		}
	})
}
