// Package sequence holds Kinesis sequence numbers as values that compare as numbers.
//
// A sequence number is a decimal integer of up to 56 digits. Compared as strings, "9" would follow "10", so no
// other package compares them with < or ==: they go through [Parse] once, at the edge, and are a [Number] from
// there on. The package knows nothing about shards, checkpoints or SHARD_END.
package sequence

import (
	"cmp"
	"fmt"
	"math/big"
	"strings"
)

// Digits is the width that [Number.Padded] pads to: the longest sequence number that Kinesis documents
// (API reference, GetShardIterator: pattern 0|([1-9]\d{0,128}); the numbers issued today have 56 digits).
const Digits = 56

// Number is a sequence number in canonical form: decimal digits without leading zeros. The zero value comes
// before every record. Numbers are comparable with == and order with [Number.Compare].
type Number string

// Parse reads a decimal sequence number of at most [Digits] digits; leading zeros are allowed.
func Parse(s string) (Number, error) {
	digits := strings.TrimLeft(s, "0")
	if s == "" || len(digits) > Digits || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("parse sequence number %q: want 1 to %d decimal digits", s, Digits)
	}
	if digits == "" {
		return "0", nil
	}
	return Number(digits), nil
}

// IsZero reports whether n is the zero value, that is, no sequence number at all.
func (n Number) IsZero() bool { return n == "" }

// Compare orders numerically: -1 if n comes before other, 0 if equal, +1 if after.
func (n Number) Compare(other Number) int {
	if c := cmp.Compare(len(n), len(other)); c != 0 {
		return c
	}
	return cmp.Compare(n, other)
}

// After reports whether n is later in the shard than other.
func (n Number) After(other Number) bool { return n.Compare(other) > 0 }

// Before returns the number before n; 0 and the zero value have none and are returned as they are.
func (n Number) Before() Number {
	value, ok := new(big.Int).SetString(string(n), 10)
	if !ok || value.Sign() == 0 {
		return n
	}
	return Number(value.Sub(value, big.NewInt(1)).String())
}

// Padded returns n with leading zeros to [Digits] digits, so that names sort as numbers do.
func (n Number) Padded() string {
	return strings.Repeat("0", max(0, Digits-len(n))) + string(n)
}

// String returns n without padding.
func (n Number) String() string { return string(n) }
