// Package identity says who an event is while it is in the stream. So a reader can tell an event that was sent again from
// another one.
//
// A run of a producer has lanes: a lane is one explicit hash key, and so all its events come to one shard at a time. An event
// gets the next number of its lane, and keeps it however often it is sent. Its identity is the partition key:
//
//	~1.<run>.<lane>.<number>      base 36, without leading zeros
//	~1.<run>.<lane>.<number>.r    it may have been sent before
//
// A container of many events has the identity of its first one. The others have the numbers that follow.
//
// Text of exactly this form is an identity, anything else is none. Whoever may put records may write such a text. So nothing
// may be lost because of one.
package identity

import (
	"math"
	"strconv"
	"strings"

	"example.com/callevents/shared/hashkey"
)

// MaxKeyBytes is the length of the longest key.
const MaxKeyBytes = len("~1.") + 3*13 + 2*len(".") + len(".r")

const (
	version = "~1."
	mark    = ".r" // again
	base    = 36
)

// Lane is where the numbers of a run count. Its events have one explicit hash key.
type Lane struct {
	Run  uint64
	Word uint64 // the upper half of the hash key; the lower one is zero
}

// HashKey is the explicit hash key of the lane's events.
func (l Lane) HashKey() hashkey.Key { return hashkey.FromWords(l.Word, 0) }

// ID is the identity of one event. The zero value is none: numbers begin with 1.
type ID struct {
	Lane
	Number uint64
}

// None reports whether it is no identity.
func (id ID) None() bool { return id.Number == 0 }

// Plus is the identity of the n-th event after the first one of a container; none if there is no such number.
func (id ID) Plus(n int) ID {
	if id.None() || uint64(n) > math.MaxUint64-id.Number {
		return ID{}
	}
	id.Number += uint64(n)
	return id
}

// Key returns the partition key. again: the event may be in the stream already.
func (id ID) Key(again bool) string {
	key := make([]byte, 0, MaxKeyBytes)
	key = append(key, version...)
	key = strconv.AppendUint(key, id.Run, base)
	key = append(key, '.')
	key = strconv.AppendUint(key, id.Word, base)
	key = append(key, '.')
	key = strconv.AppendUint(key, id.Number, base)
	if again {
		key = append(key, mark...)
	}
	return string(key)
}

// Parse reads a partition key. Of any text that [ID.Key] does not return, it returns none.
func Parse(key string) (id ID, again bool) {
	rest, ok := strings.CutPrefix(key, version)
	if !ok || len(key) > MaxKeyBytes {
		return ID{}, false
	}
	run, rest, ok1 := strings.Cut(rest, ".")
	lane, rest, ok2 := strings.Cut(rest, ".")
	number, tail, again := strings.Cut(rest, ".") // the number may be r, too
	ok = ok1 && ok2 && (tail == "r" || !again)
	for _, part := range []struct {
		text string
		to   *uint64
	}{{run, &id.Run}, {lane, &id.Word}, {number, &id.Number}} {
		*part.to, ok = parse(part.text, ok)
	}
	if !ok || id.None() {
		return ID{}, false
	}
	return id, again
}

// parse reads a number in base 36: lower case, no sign, no leading zeros. ok: all before was well.
func parse(text string, ok bool) (uint64, bool) {
	if !ok || text == "" || (text[0] == '0' && text != "0") {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(text) {
		digit := uint64(c - '0')
		switch {
		case c >= 'a' && c <= 'z':
			digit = uint64(c-'a') + 10
		case c < '0' || c > '9':
			return 0, false
		}
		if n > (math.MaxUint64-digit)/base {
			return 0, false
		}
		n = n*base + digit
	}
	return n, true
}
