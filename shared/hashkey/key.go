// Package hashkey is the arithmetic of Kinesis hash keys: 128-bit unsigned integers, written in decimal, and the
// ranges of them that shards own.
//
// Values are two machine words, so nothing here allocates except the decimal text. The package knows no shards
// and no AWS.
package hashkey

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
)

// Key is a hash key from 0 (the zero value) to 2^128-1. Keys are comparable with ==.
type Key struct{ hi, lo uint64 }

// Max returns 2^128-1, the end of the last shard.
func Max() Key { return Key{^uint64(0), ^uint64(0)} }

// FromWords returns hi * 2^64 + lo.
func FromWords(hi, lo uint64) Key { return Key{hi, lo} }

// Parse reads a decimal hash key as the Kinesis API writes it: no sign, no space, no leading zeros.
func Parse(s string) (Key, error) {
	if s == "" || (s[0] == '0' && s != "0") {
		return Key{}, fmt.Errorf("parse hash key %q: want a decimal number without leading zeros", s)
	}
	var k Key
	for _, digit := range []byte(s) {
		if digit < '0' || digit > '9' {
			return Key{}, fmt.Errorf("parse hash key %q: want decimal digits only", s)
		}
		next, ok := k.times10plus(uint64(digit - '0'))
		if !ok {
			return Key{}, fmt.Errorf("parse hash key %q: larger than 2^128-1", s)
		}
		k = next
	}
	return k, nil
}

func (k Key) times10plus(digit uint64) (Key, bool) {
	carry, lo := bits.Mul64(k.lo, 10)
	over, hi := bits.Mul64(k.hi, 10)
	lo, c := bits.Add64(lo, digit, 0)
	hi, c = bits.Add64(hi, carry, c)
	return Key{hi, lo}, over == 0 && c == 0
}

// Append appends k in decimal to dst.
func (k Key) Append(dst []byte) []byte {
	if k.hi == 0 {
		return strconv.AppendUint(dst, k.lo, 10)
	}
	const chunk = 1e19 // the largest power of ten that fits a word
	rest := Key{k.hi / chunk, 0}
	var low uint64
	rest.lo, low = bits.Div64(k.hi%chunk, k.lo, chunk)
	dst = rest.Append(dst)
	for power := uint64(chunk / 10); power > 0; power /= 10 {
		dst = append(dst, byte('0'+low/power%10))
	}
	return dst
}

// String returns k in decimal.
func (k Key) String() string {
	var buf [39]byte // 2^128-1 has 39 digits
	return string(k.Append(buf[:0]))
}

// Compare returns -1, 0 or +1.
func (k Key) Compare(other Key) int {
	if c := cmp.Compare(k.hi, other.hi); c != 0 {
		return c
	}
	return cmp.Compare(k.lo, other.lo)
}

// plus and minus wrap around at 2^128.
func (k Key) plus(other Key) Key {
	lo, carry := bits.Add64(k.lo, other.lo, 0)
	hi, _ := bits.Add64(k.hi, other.hi, carry)
	return Key{hi, lo}
}

func (k Key) minus(other Key) Key {
	lo, borrow := bits.Sub64(k.lo, other.lo, 0)
	hi, _ := bits.Sub64(k.hi, other.hi, borrow)
	return Key{hi, lo}
}
