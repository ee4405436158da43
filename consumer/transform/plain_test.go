package transform_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/transform"
)

// sameWithSpace wants the same for a record and for the record with a space behind it, which takes the slower way.
func sameWithSpace(t interface{ Fatalf(string, ...any) }, record []byte) {
	if slices.ContainsFunc(record, func(c byte) bool { return c == '\r' || c == '\n' }) {
		return // the space is trimmed
	}
	got, reason := transform.Append(nil, record)
	slow, slowReason := transform.Append(nil, append(slices.Clone(record), ' '))
	if slowReason == "" {
		slow = slow[:len(slow)-1]
	}
	if reason != slowReason || string(got) != string(slow) {
		t.Fatalf("%q: %q, reason %q; the slower way: %q, reason %q", record, got, reason, slow, slowReason)
	}
}

func TestBothWaysDecideAlike(t *testing.T) {
	for end := range len(event) + 1 {
		sameWithSpace(t, []byte(event[:end]))
		sameWithSpace(t, []byte(event[end:]))
	}
	seeds := []string{
		`{"a":{"user":{"user_id":"1"}},"user":{"user_id":5,"x":0},"b":null,"c":true,"d":false}`, `{"user":{"user_id":"5"},"a":{},"b":{"c":{}}}`,
		`{"a long name indeed":"12345678","user":{"user_id":"-5"},"A long name":12}`, strings.Repeat(`{"a":`, 31) + "1" + strings.Repeat("}", 31),
	}
	put := rapid.SampledFrom([]string{"", `"`, `\`, "{", "}", "{}", "[", "]", ",", ":", "5", "0", "-", ".", "e", "n", "null", " ", "\x00", "\x1f", "\x7f", "\xc3", "é", "a", "A", "user", `"user":`})
	rapid.Check(t, func(t *rapid.T) {
		record := rapid.SampledFrom(seeds).Draw(t, "seed")
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(record)).Draw(t, "at")
			end := min(len(record), at+rapid.IntRange(0, 3).Draw(t, "removed"))
			record = record[:at] + put.Draw(t, "put") + record[end:]
		}
		sameWithSpace(t, []byte(record))
	})
}
