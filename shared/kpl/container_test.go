package kpl_test

import (
	"crypto/md5"
	"fmt"
	"slices"
	"testing"

	"github.com/awslabs/kinesis-aggregation/go/v2/records"
	"github.com/golang/protobuf/proto" //nolint:staticcheck // the API that the reference implementation's messages have

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

func hashKey(t testing.TB, s string) hashkey.Key {
	t.Helper()
	key, err := hashkey.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyRange(t testing.TB, first, last string) hashkey.Range {
	t.Helper()
	r, err := hashkey.ParseRange(first, last)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func everything(t testing.TB) hashkey.Range { return keyRange(t, "0", lastHashKey) }

// contain frames a message as a container.
func contain(message []byte) []byte {
	digest := md5.Sum(message)
	return slices.Concat([]byte("\xf3\x89\x9a\xc2"), message, digest[:])
}

// marshal is the container of the reference implementation's message.
func marshal(t testing.TB, message *records.AggregatedRecord) []byte {
	t.Helper()
	b, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return contain(b)
}

func user(partitionKey uint64, explicitHashKey *uint64, data string) *records.Record {
	return &records.Record{PartitionKeyIndex: &partitionKey, ExplicitHashKeyIndex: explicitHashKey, Data: []byte(data)}
}

func split(t testing.TB, data []byte, shard hashkey.Range) []kpl.Record {
	t.Helper()
	seq, ok := kpl.Split(data, shard)
	if !ok {
		t.Fatalf("%q is not taken for a container", data)
	}
	return slices.Collect(seq)
}

// outline is what a test compares: data or reason of every user record, in order.
func outline(list []kpl.Record) (lines []string) {
	for _, r := range list {
		what := string(r.Data)
		if r.Reason != "" {
			what = "!" + string(r.Reason)
		}
		lines = append(lines, fmt.Sprintf("%d:%s", r.SubSequence, what))
	}
	return lines
}
