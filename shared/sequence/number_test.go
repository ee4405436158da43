package sequence_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/shared/sequence"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]sequence.Number{"0": "0", "000": "0", "007": "7", "49590338271490256608559692538361571095921575989136588898": "49590338271490256608559692538361571095921575989136588898"} {
		got, err := sequence.Parse(in)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1", "+1", "1.5", "12a", " 1", "SHARD_END", "TRIM_HORIZON", "1" + sequence.Number("").Padded()} {
		if got, err := sequence.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", in, got)
		}
	}
}

func TestCompareAgreesWithBigIntegersAndPaddingKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{1,56}`)
		a, b := digits.Draw(t, "a"), digits.Draw(t, "b")
		na, errA := sequence.Parse(a)
		nb, errB := sequence.Parse(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		bigA, _ := new(big.Int).SetString(a, 10)
		bigB, _ := new(big.Int).SetString(b, 10)
		if na.Compare(nb) != bigA.Cmp(bigB) {
			t.Fatalf("Compare(%s, %s) = %d, want %d", a, b, na.Compare(nb), bigA.Cmp(bigB))
		}
		if len(na.Padded()) != sequence.Digits || (na.Padded() < nb.Padded()) != (bigA.Cmp(bigB) < 0) {
			t.Fatalf("padding %s and %s changes their order", a, b)
		}
	})
}

func TestZeroValueComesBeforeEveryRecord(t *testing.T) {
	var none sequence.Number
	if !none.IsZero() || !sequence.Number("0").After(none) || none.After("0") {
		t.Fatal("the zero value must come before sequence number 0")
	}
}

func TestBefore(t *testing.T) {
	for n, want := range map[sequence.Number]sequence.Number{"": "", "0": "0", "1": "0", "100": "99",
		"49590338271490256608559692538361571095921575989136588898": "49590338271490256608559692538361571095921575989136588897"} {
		if got := n.Before(); got != want {
			t.Errorf("before %q is %q, want %q", n, got, want)
		}
	}
}
