package hashkey_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/shared/hashkey"
)

const maxText = "340282366920938463463374607431768211455" // 2^128-1

func anyKey(t *rapid.T, label string) hashkey.Key {
	words := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 9, 1e19 - 1, 1e19, 1e19 + 1, ^uint64(0) - 1, ^uint64(0)}), rapid.Uint64())
	return hashkey.FromWords(words.Draw(t, label+" hi"), words.Draw(t, label+" lo"))
}

func bigOf(t *rapid.T, k hashkey.Key) *big.Int {
	n, ok := new(big.Int).SetString(k.String(), 10)
	if !ok {
		t.Fatalf("%q is not decimal", k)
	}
	return n
}

func TestDecimalAndOrderAgreeWithBigIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo := rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")
		want := new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(hi), 64), new(big.Int).SetUint64(lo))
		if got := hashkey.FromWords(hi, lo).String(); got != want.String() {
			t.Fatalf("String = %s, want %s", got, want)
		}
		a, b := anyKey(t, "a"), anyKey(t, "b")
		if a.Compare(b) != bigOf(t, a).Cmp(bigOf(t, b)) {
			t.Fatalf("Compare(%s, %s) = %d", a, b, a.Compare(b))
		}
		if back, err := hashkey.Parse(a.String()); err != nil || back != a {
			t.Fatalf("Parse(%s) = %s, %v", a, back, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{"", "-1", "+1", " 1", "1 ", "01", "00", "1.0", "0x1", "1e3",
		"340282366920938463463374607431768211456", maxText + "0", "999999999999999999999999999999999999999"} {
		if k, err := hashkey.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", in, k)
		}
	}
	if k, err := hashkey.Parse(maxText); err != nil || k != hashkey.Max() {
		t.Errorf("Parse(2^128-1) = %s, %v", k, err)
	}
	if _, err := hashkey.ParseRange("2", "1"); err == nil {
		t.Error("ParseRange(2, 1): want an error")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "10", maxText, "18446744073709551616", "007", "-0", maxText + "5"} {
		f.Add(s)
	}
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := hashkey.Parse(s)
		n, isNumber := new(big.Int).SetString(s, 10)
		valid := isNumber && n.String() == s && n.Sign() >= 0 && n.Cmp(limit) < 0
		if valid != (err == nil) || (valid && k.String() != s) {
			t.Fatalf("Parse(%q) = %s, %v; want valid=%v", s, k, err, valid)
		}
	})
}

func TestDrawnKeysLieInTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyKey(t, "a"), anyKey(t, "b")
		if a.Compare(b) > 0 {
			a, b = b, a
		}
		if rapid.Bool().Draw(t, "one key") {
			b = a
		}
		r, random := hashkey.Range{First: a, Last: b}, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 20 {
			if k := r.Draw(random); !r.Contains(k) || bigOf(t, k).Cmp(bigOf(t, a)) < 0 || bigOf(t, k).Cmp(bigOf(t, b)) > 0 {
				t.Fatalf("drew %s outside %s-%s", k, a, b)
			}
		}
	})
}

func TestDrawReachesEveryKeyOfASmallRange(t *testing.T) {
	last := hashkey.Max()
	first := hashkey.FromWords(^uint64(0), ^uint64(0)-4)
	random, seen := rand.New(rand.NewPCG(1, 1)), map[hashkey.Key]int{}
	for range 1000 {
		seen[hashkey.Range{First: first, Last: last}.Draw(random)]++
	}
	if len(seen) != 5 || seen[first] == 0 || seen[last] == 0 {
		t.Fatalf("1,000 draws from 5 keys gave %v", seen)
	}
}

// A tiling is made by cutting the whole space at random keys; it must pass, and fail once a piece is missing,
// doubled, shortened or stretched.
func TestTiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cuts := map[hashkey.Key]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "cuts") {
			if k := anyKey(t, "cut"); k != (hashkey.Key{}) {
				cuts[k] = true
			}
		}
		starts := []hashkey.Key{{}}
		for k := range cuts {
			starts = append(starts, k)
		}
		slices.SortFunc(starts, hashkey.Key.Compare)
		tiles := make([]hashkey.Range, len(starts))
		for i, first := range starts {
			tiles[i] = hashkey.Range{First: first, Last: hashkey.Max()}
			if i > 0 {
				tiles[i-1].Last = before(t, first)
			}
		}
		tiles = rapid.Permutation(tiles).Draw(t, "order")
		if err := hashkey.CheckTiling(tiles); err != nil {
			t.Fatalf("%v: %v", tiles, err)
		}
		at := rapid.IntRange(0, len(tiles)-1).Draw(t, "at")
		if hashkey.CheckTiling(slices.Delete(slices.Clone(tiles), at, at+1)) == nil {
			t.Fatal("a missing range went unseen")
		}
		if hashkey.CheckTiling(append(slices.Clone(tiles), tiles[at])) == nil {
			t.Fatal("a doubled range went unseen")
		}
		if tiles[at].First != tiles[at].Last {
			tiles[at].Last = before(t, tiles[at].Last)
			if hashkey.CheckTiling(tiles) == nil {
				t.Fatal("a gap of one key went unseen")
			}
		}
	})
}

func before(t *rapid.T, k hashkey.Key) hashkey.Key {
	p, err := hashkey.Parse(new(big.Int).Sub(bigOf(t, k), big.NewInt(1)).String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func BenchmarkDraw(b *testing.B) {
	r, random := hashkey.Range{First: hashkey.FromWords(1, 2), Last: hashkey.Max()}, rand.New(rand.NewPCG(1, 1))
	buf := make([]byte, 0, 39)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Draw(random).Append(buf[:0])
	}
}

// Both ends of a range may be the only such key in it, or beside it.
func TestAWordIsDrawnInsideItsRange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		r           hashkey.Range
		first, last uint64
		none        bool
	}{
		{hashkey.Range{Last: hashkey.Max()}, 0, ^uint64(0), false},
		{hashkey.Range{First: hashkey.FromWords(5, 0), Last: hashkey.FromWords(5, 0)}, 5, 5, false},
		{hashkey.Range{First: hashkey.FromWords(5, 1), Last: hashkey.FromWords(7, 0)}, 6, 7, false},
		{hashkey.Range{First: hashkey.FromWords(5, 1), Last: hashkey.FromWords(5, 9)}, 0, 0, true},
		{hashkey.Range{First: hashkey.FromWords(^uint64(0), 1), Last: hashkey.Max()}, 0, 0, true},
	} {
		for range 20 {
			if word, ok := c.r.DrawWord(random); ok == c.none || word < c.first || word > c.last {
				t.Errorf("%v: %d, %t", c.r, word, ok)
			}
		}
	}
}
