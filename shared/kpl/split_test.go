package kpl_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

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

func TestNoContainer(t *testing.T) {
	good := containerOf(message{partitionKeys: []string{"p"}, users: []user{{0, nil, "one"}}})
	for name, data := range map[string][]byte{
		"nothing":        nil,
		"json":           []byte(`{"user":{"user_id":"5"}}`),
		"part of magic":  good[:3],
		"magic only":     good[:4],
		"short digest":   good[:19],
		"truncated":      good[:len(good)-1],
		"byte flipped":   slices.Concat(good[:6], []byte{good[6] ^ 1}, good[7:]),
		"digest flipped": slices.Concat(good[:len(good)-1], []byte{good[len(good)-1] ^ 1}),
		"byte more":      append(bytes.Clone(good), 0),
		"byte before":    append([]byte{0}, good...),
	} {
		if _, ok := kpl.Split(data, everything(t)); ok {
			t.Errorf("%s: taken for a container", name)
		}
	}
	split(t, good, everything(t))
}

func TestMalformedContainersAreHandedOutWhole(t *testing.T) {
	good := message{partitionKeys: []string{"p"}, users: []user{{0, nil, "one"}}}.encode()
	for name, tc := range map[string]struct {
		message string
		reason  kpl.Reason
	}{
		"no message":               {"", kpl.Empty},
		"tables only":              {"\x0a\x01p\x12\x011", kpl.Empty},
		"unknown fields only":      {"\x20\x05", kpl.Empty},
		"records of another type":  {"\x18\x05", kpl.Empty},
		"not protobuf":             {"hello", kpl.BadProtobuf},
		"cut message":              {string(good[:len(good)-1]), kpl.BadProtobuf},
		"length beyond the end":    {"\x1a\xff\xff\xff\xff\x0f", kpl.BadProtobuf},
		"endless varint":           {"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", kpl.BadProtobuf},
		"field number 0":           {"\x02\x00", kpl.BadProtobuf},
		"end of no group":          {"\x0c", kpl.BadProtobuf},
		"group without end":        {"\x0b", kpl.BadProtobuf},
		"user record cut":          {"\x1a\x03\x08\x00\x1a", kpl.BadProtobuf},
		"user record without data": {"\x0a\x01p\x1a\x02\x08\x00", kpl.BadProtobuf},
		"one of two without data":  {string(good) + "\x1a\x02\x08\x00", kpl.BadProtobuf},
		"empty user record":        {"\x1a\x00", kpl.BadProtobuf},
	} {
		data := contain([]byte(tc.message))
		got := split(t, data, everything(t))
		if len(got) != 1 || got[0].Reason != tc.reason || !bytes.Equal(got[0].Data, data) {
			t.Errorf("%s: got %+v, want the container with reason %s", name, got, tc.reason)
		}
	}
}

func TestBadUserRecordsLeaveTheirNeighboursAlone(t *testing.T) {
	zero, one, big := uint64(0), uint64(1), uint64(1<<63)
	nested := string(containerOf(message{partitionKeys: []string{"p"}, users: []user{{0, nil, "inner"}}}))
	container := func(bad ...user) []byte {
		list := append(append([]user{{0, nil, "first"}}, bad...), user{0, nil, "last"})
		return containerOf(message{partitionKeys: []string{"p"}, hashKeys: []string{"0", "x", "-1", "", lastHashKey + "0"}, users: list})
	}
	index := func(i uint64) *uint64 { return &i }
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"partition key index beyond the table":    {container(user{1, nil, "bad"}), "1:!no_partition_key"},
		"partition key index beyond int64":        {container(user{big, &zero, "bad"}), "1:!no_partition_key"},
		"explicit hash key index beyond":          {container(user{0, index(5), "bad"}), "1:!bad_hash_key"},
		"explicit hash key index far beyond":      {container(user{0, &big, "bad"}), "1:!bad_hash_key"},
		"explicit hash key no number":             {container(user{0, &one, "bad"}), "1:!bad_hash_key"},
		"explicit hash key negative":              {container(user{0, index(2), "bad"}), "1:!bad_hash_key"},
		"explicit hash key empty":                 {container(user{0, index(3), "bad"}), "1:!bad_hash_key"},
		"explicit hash key longer than 128 bits":  {container(user{0, index(4), "bad"}), "1:!bad_hash_key"},
		"container in a container":                {container(user{0, nil, nested}), "1:!container_nested"},
		"magic, but no container, in a container": {container(user{0, nil, nested[:20]}), "1:" + nested[:20]},
	} {
		if got, want := outline(split(t, tc.data, everything(t))), []string{"0:first", tc.want, "2:last"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	absent := contain([]byte("\x0a\x01p\x1a\x06\x1a\x04gone\x1a\x07\x08\x00\x1a\x03one"))
	if got, want := outline(split(t, absent, everything(t))), []string{"0:!no_partition_key", "1:one"}; !slices.Equal(got, want) {
		t.Errorf("partition key index absent: got %q, want %q", got, want)
	}
}

// A key takes at least two bytes in the message, so a container in the largest record can have five million keys.
func TestKeysThatNobodyUsesCostLittle(t *testing.T) {
	data := contain([]byte(strings.Repeat("\x0a\x00\x12\x00", 1<<18) + "\x0a\x01p\x1a\x09\x08\x80\x80\x10\x1a\x03one"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := split(t, data, everything(t))
	runtime.ReadMemStats(&after)
	if want := []string{"0:one"}; !slices.Equal(outline(got), want) || string(got[0].PartitionKey) != "p" {
		t.Errorf("got %q, want %q", outline(got), want)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 16*uint64(len(data)) {
		t.Errorf("%d bytes allocated for a container of %d", took, len(data))
	}
}

// Many user records can refer to one key, and a reader copies it for each. So a long key is not handed on.
func TestKeysLongerThanKinesisTakesAreNotHandedOn(t *testing.T) {
	long, longest := strings.Repeat("é", 257), strings.Repeat("é", 256)
	zero, one := uint64(0), uint64(1)
	got := split(t, containerOf(message{
		partitionKeys: []string{longest, long},
		hashKeys:      []string{strings.Repeat("1", 1<<20), lastHashKey},
		users:         []user{{0, nil, "a"}, {1, nil, "b"}, {0, &zero, "c"}, {0, &one, "d"}},
	}), everything(t))
	if want := []string{"0:a", "1:!no_partition_key", "2:!bad_hash_key", "3:d"}; !slices.Equal(outline(got), want) {
		t.Errorf("got %q, want %q", outline(got), want)
	}
	if got[0].PartitionKey == nil || got[1].PartitionKey != nil || got[2].ExplicitHashKey != nil {
		t.Error("keys that no record can have are handed on")
	}
}

func TestWireFormatDetails(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"tables after the records":  {"\x1a\x07\x08\x00\x1a\x03one\x0a\x01p", "0:one"},
		"last value counts":         {"\x0a\x01p\x1a\x0c\x08\x07\x08\x00\x1a\x01x\x1a\x03one", "0:one"},
		"unknown fields":            {"\x20\x05\x0a\x01p\x2b\x30\x01\x2c\x1a\x0a\x08\x00\x1a\x03one\x2a\x01z", "0:one"},
		"index of another type":     {"\x0a\x01p\x1a\x08\x0a\x01\x00\x1a\x03one", "0:!no_partition_key"},
		"explicit hash key present": {"\x0a\x01p\x12\x017\x1a\x09\x08\x00\x10\x00\x1a\x03one", "0:one"},
	} {
		if got := outline(split(t, contain([]byte(tc.message)), everything(t))); !slices.Equal(got, []string{tc.want}) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestUserRecordsOfOtherShardsAreMarked(t *testing.T) {
	zero, one := uint64(0), uint64(1)
	data := containerOf(message{
		partitionKeys: []string{pick(t, false), pick(t, true)},
		hashKeys:      []string{"0", halfway},
		users: []user{
			{0, nil, "low"}, {1, nil, "high"}, {0, &one, "explicitly high"}, {1, &zero, "explicitly low"},
		},
	})
	lower := outline(split(t, data, keyRange(t, "0", "170141183460469231731687303715884105727")))
	if want := []string{"0:low", "1:!outside_shard", "2:!outside_shard", "3:explicitly low"}; !slices.Equal(lower, want) {
		t.Errorf("lower half: got %q, want %q", lower, want)
	}
	upper := outline(split(t, data, keyRange(t, halfway, lastHashKey)))
	if want := []string{"0:!outside_shard", "1:high", "2:explicitly high", "3:!outside_shard"}; !slices.Equal(upper, want) {
		t.Errorf("upper half: got %q, want %q", upper, want)
	}
}

// pick returns a partition key whose MD5 is in the upper or the lower half of the hash keys.
func pick(t *testing.T, upper bool) string {
	for i := range 100 {
		key := fmt.Sprint("key ", i)
		if sum := md5.Sum([]byte(key)); (sum[0] >= 0x80) == upper {
			return key
		}
	}
	t.Fatal("no such key")
	return ""
}

func TestSplitStopsWhenItsReaderDoes(t *testing.T) {
	data := containerOf(message{partitionKeys: []string{"p"}, users: []user{{0, nil, "a"}, {0, nil, "b"}}})
	seq, _ := kpl.Split(data, everything(t))
	n := 0
	for range seq {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func BenchmarkSplit(b *testing.B) {
	a := kpl.NewAggregator(1 << 20)
	for i := 0; a.Add(fmt.Sprintf("b1946ac9-2492-4d23-8a11-%012d", i), hashKey(b, halfway), make([]byte, 1000)); i++ {
	}
	data, shard := a.Flush(nil), everything(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		seq, _ := kpl.Split(data, shard)
		for range seq {
		}
	}
}
