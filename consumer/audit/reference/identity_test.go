package reference_test

import (
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

// Two implementations read every key alike.
func TestAKeyIsReadAsTheProgramReadsIt(t *testing.T) {
	all := hashkey.Range{Last: hashkey.Max()}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.StringMatching(`[0-9a-z]{1,13}`), rapid.SampledFrom([]string{"", "0", "r", "00", "A", "3w5e11264sgsf", "3w5e11264sgsg", "zzzzzzzzzzzzz"}))
		key := rapid.SampledFrom([]string{"~1.", "~1.", "~1.", "~2.", "1.", ""}).Draw(t, "version") + part.Draw(t, "run") + "." + part.Draw(t, "lane") + "." +
			part.Draw(t, "number") + rapid.SampledFrom([]string{"", ".r", ".r", ".R", ".", "\n"}).Draw(t, "mark")
		id, again := identity.Parse(key)
		got, ok := reference.IdentityOf(key, all)
		if ok == id.None() || ok && (got != reference.Identity{Run: id.Run, Lane: id.Word, Number: id.Number, Again: again}) {
			t.Fatalf("%q: %+v %t, and %+v %t", key, got, ok, id, again)
		}
	})
	if _, ok := reference.IdentityOf("~1.1.1.1", hashkey.Range{}); ok {
		t.Error("a lane outside the shard is an identity")
	}
}
