package identity_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

func TestAKeyIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := identity.ID{Lane: identity.Lane{Run: rapid.Uint64().Draw(t, "run"), Word: rapid.Uint64().Draw(t, "lane")},
			Number: rapid.OneOf(rapid.Just(uint64(27)), rapid.Uint64Min(1)).Draw(t, "number")} // 27 is r
		again := rapid.Bool().Draw(t, "again")
		key := id.Key(again)
		if got, marked := identity.Parse(key); got != id || marked != again {
			t.Fatalf("%s is read as %v, %t", key, got, marked)
		}
	})
}

// A key may differ by anything from the one form: then it says nothing.
func TestAnythingButExactlyThisFormIsNone(t *testing.T) {
	for _, key := range []string{
		"", "~1.", "~1.1.2", "~1.1.2.", "~1.1.2.0", "~1.1.2.3.", "~1.1.2.3.R", "~1.1.2.3.r.r", "~1.1.2.3.4", "~2.1.2.3", "1.1.2.3",
		"~1.01.2.3", "~1.1.02.3", "~1.1.2.03", "~1.A.2.3", "~1.+1.2.3", "~1.1.-2.3", "~1.1.2.3 ", " ~1.1.2.3", "~1.1.2.3\n", "~1..2.3", "~1.1..3",
		"~1.1.2.3w5e11264sgsg", "~1.3w5e11264sgsg.2.3", "~1.1.2.99999999999999999999", "~1.1.2.\x00", "~1.1.2.é",
		"0a1b2c3d-0000-4000-8000-000000000000", strings.Repeat("~1.", 80),
	} {
		if id, again := identity.Parse(key); !id.None() || again {
			t.Errorf("%q is %v, %t", key, id, again)
		}
	}
	longest := identity.ID{Lane: identity.Lane{Run: math.MaxUint64, Word: math.MaxUint64}, Number: math.MaxUint64}
	if got, _ := identity.Parse(longest.Key(true)); got != longest || len(longest.Key(true)) != identity.MaxKeyBytes {
		t.Errorf("%s is read as %v", longest.Key(true), got)
	}
	if id, again := identity.Parse("~1.0.3w5e11264sgsf.1.r"); id != (identity.ID{Lane: identity.Lane{Word: math.MaxUint64}, Number: 1}) || !again {
		t.Errorf("the largest lane is %v, %t", id, again)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("~1.a.b.c.r")
	f.Add("~1.1.2.3")
	f.Fuzz(func(t *testing.T, key string) {
		if id, again := identity.Parse(key); !id.None() && id.Key(again) != key {
			t.Errorf("%q is read as %s", key, id.Key(again))
		}
	})
}

func TestTheEventsOfAContainerCountUp(t *testing.T) {
	id := identity.ID{Lane: identity.Lane{Run: 7, Word: 1 << 63}, Number: math.MaxUint64 - 1}
	if got := id.Plus(1).Number; got != math.MaxUint64 {
		t.Errorf("number %d", got)
	}
	if !id.Plus(2).None() || !(identity.ID{}).Plus(1).None() {
		t.Error("an event without a number has an identity")
	}
	if key := id.HashKey(); key != hashkey.FromWords(1<<63, 0) {
		t.Errorf("hash key %s", key)
	}
}

func BenchmarkParse(b *testing.B) {
	key := identity.ID{Lane: identity.Lane{Run: 1<<63 + 12345, Word: 1<<63 + 99}, Number: 1_000_000}.Key(false)
	b.ReportAllocs()
	for b.Loop() {
		if id, _ := identity.Parse(key); id.None() {
			b.Fatal("none")
		}
	}
}
