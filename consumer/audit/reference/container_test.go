package reference_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/shared/hashkey"
)

const kplTests = "../../../shared/kpl/split_test.go"

func everything() hashkey.Range { return hashkey.Range{Last: hashkey.Max()} }

// encoded is one field with bytes.
func encoded(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// user is a user record with the first partition key.
func user(data string) []byte {
	return encoded(3, append([]byte{0x08, 0x00}, encoded(3, []byte(data))...))
}

func TestOutcomes(t *testing.T) {
	key := encoded(1, []byte("p"))
	good, bad := user(`{"user":{"user_id":"5"}}`), user(`{}`)
	whole := contain(bytes.Join([][]byte{key, good}, nil))
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"ordinary record":   {[]byte(`{"user":{"user_id":"5"}}`), `{"user":{"user_id":5}}`},
		"container":         {contain(bytes.Join([][]byte{good, bad, key, good}, nil)), `{"user":{"user_id":5}} !no_user_id {"user":{"user_id":5}}`},
		"wrong digest":      {append(bytes.Clone(whole), 0), "!not_json"},
		"field too large":   {contain(append(append(bytes.Clone(key), good...), 0x80, 0x80, 0x80, 0x80, 0x10, 0x00)), "!container_bad_protobuf"},
		"largest field":     {contain(append(append(bytes.Clone(key), good...), 0xf8, 0xff, 0xff, 0xff, 0x0f, 0x00)), `{"user":{"user_id":5}}`},
		"empty":             {contain(key), "!container_empty"},
		"malformed":         {contain(append(bytes.Clone(good), 0x0c)), "!container_bad_protobuf"},
		"without data":      {contain(bytes.Join([][]byte{key, good, {0x1a, 0x02, 0x08, 0x00}}, nil)), "!container_bad_protobuf"},
		"nested":            {contain(bytes.Join([][]byte{key, user(string(whole))}, nil)), "!container_nested"},
		"no partition key":  {contain(good), "!no_partition_key"},
		"long key":          {contain(bytes.Join([][]byte{encoded(1, []byte(strings.Repeat("é", 257))), good}, nil)), "!no_partition_key"},
		"bad hash key":      {contain(bytes.Join([][]byte{key, encoded(2, []byte("07")), encoded(3, []byte("\x08\x00\x10\x00\x1a\x01x"))}, nil)), "!bad_hash_key"},
		"of another shard":  {contain(bytes.Join([][]byte{key, encoded(2, []byte("0")), encoded(3, []byte("\x08\x00\x10\x00\x1a\x01x"))}, nil)), "!outside_shard"}, // was nothing
		"data of no length": {contain(bytes.Join([][]byte{key, user("")}, nil)), "!not_json"},
	} {
		var got []string
		for _, o := range reference.Outcomes(tc.data, upperHalf) {
			if got = append(got, string(o.Line)); o.Reason != "" {
				got[len(got)-1] = "!" + o.Reason
			}
		}
		if key := strings.Join(got, " "); key != tc.want {
			t.Errorf("%s: %q, want %q", name, key, tc.want)
		}
		compareOutcomes(t, tc.data, upperHalf)
	}
}

func TestOutcomesAgreeOverTheTestsOfKPL(t *testing.T) {
	for _, text := range literals(t, kplTests) {
		for _, message := range []string{text, "\x0a\x01p" + text, "\x0a\x01p" + text + "\x1a\x07\x08\x00\x1a\x03one", "\x0a\x01p\x1a" + string(rune(len(text)&0x7f)) + text} {
			compareOutcomes(t, contain([]byte(message)), everything())
			compareOutcomes(t, contain([]byte(message)), upperHalf)
			compareOutcomes(t, []byte(message), everything())
		}
	}
}

// containers have keys and user records of all kinds, and a few wrong bytes, before the digest or behind it.
var containers = rapid.Custom(func(t *rapid.T) []byte {
	keys := rapid.SampledFrom([]string{"", "p", "q", "\xff", strings.Repeat("é", 256), strings.Repeat("é", 257), strings.Repeat("x", 2000)})
	hashKeys := rapid.SampledFrom([]string{"0", "7", "07", "", "-1", "340282366920938463463374607431768211455", "340282366920938463463374607431768211456", strings.Repeat("1", 40)})
	index := rapid.SampledFrom([]uint64{0, 0, 1, 2, 3, 1 << 63})
	message := []byte(rapid.SampledFrom([]string{"\x0a\x01p", "\x0a\x01p\x0a\x01q\x0a\x01r\x12\x010", ""}).Draw(t, "first keys"))
	for range rapid.IntRange(0, 8).Draw(t, "fields") {
		switch rapid.SampledFrom([]int{9, 9, 9, 9, 1, 2, 3}).Draw(t, "field") {
		case 1:
			message = append(message, encoded(1, []byte(keys.Draw(t, "partition key")))...)
		case 2:
			message = append(message, encoded(2, []byte(hashKeys.Draw(t, "hash key")))...)
		case 3:
			message = append(message, rapid.SampledFrom([]string{"\x20\x05", "\x2b\x30\x01\x2c", "\x18\x05", "\x0b\x0c", "\x25\x00\x00\x00\x00", "\x1a\x00"}).Draw(t, "unknown")...)
		default:
			var record []byte
			for range rapid.SampledFrom([]int{1, 1, 1, 1, 2, 0}).Draw(t, "partition key indexes") {
				record = protowire.AppendVarint(append(record, 0x08), index.Draw(t, "index"))
			}
			if rapid.IntRange(0, 2).Draw(t, "explicit") == 0 {
				record = protowire.AppendVarint(append(record, 0x10), index.Draw(t, "index"))
			}
			if rapid.SampledFrom([]bool{true, true, true, true, true, true, true, false}).Draw(t, "data") {
				record = append(record, encoded(3, rapid.OneOf(records, rapid.Just(contain([]byte("\x20\x05")))).Draw(t, "record"))...)
			}
			message = append(message, encoded(3, record)...)
		}
	}
	return mutate(t, contain(mutate(t, message, 0, 0, 0, 0, 1, 2)), 0, 0, 0, 0, 0, 0, 0, 0, 1)
})

func TestOutcomesAgreeOverRandomContainers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			compareOutcomes(t, containers.Draw(t, "container"), upperHalf)
		}
	})
}

func FuzzOutcomes(f *testing.F) {
	for _, text := range literals(f, kplTests) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		compareOutcomes(t, contain(message), upperHalf)
		compareOutcomes(t, message, upperHalf)
	})
}

// A dead letter of 87 bytes with the partition key "pp" counts for 384 + 12 + 116 bytes, so 65,536 of them are 32 MiB.
func TestContainersOverflow(t *testing.T) {
	bad := user(strings.Repeat("x", 87))
	const most = 65_536
	container := func(n int) []byte {
		return contain(append(encoded(1, []byte("pp")), append(bytes.Repeat(bad, n), user(`{"user":{"user_id":"5"}}`)...)...))
	}
	if outcomes := reference.Outcomes(container(most), everything()); len(outcomes) != most+1 || outcomes[most].Reason != "" {
		t.Errorf("%d outcomes, want %d dead letters and a line", len(outcomes), most)
	}
	data := container(most + 1)
	want := reference.Outcome{Reason: "container_overflow", Data: data}
	if outcomes := reference.Outcomes(data, everything()); len(outcomes) != 1 || !equal(outcomes[0], want) {
		t.Errorf("%d outcomes, the first with reason %q; want the container as one", len(outcomes), outcomes[0].Reason)
	}
	// User records outside their shard are dead letters like any, and overflow like them. They counted for nothing before.
	if outcomes := reference.Outcomes(data, hashkey.Range{}); len(outcomes) != 1 || outcomes[0].Reason != "container_overflow" {
		t.Errorf("%d outcomes of a container whose user records are all of other shards", len(outcomes))
	}
}
