package transform

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

// names looks at the names in a document: at those that stand twice in one object, exactly or but for case, and at
// user.user_id. The document is valid JSON.
//
// It goes over nearly all documents once and compares hashes. If two are equal, or a name is not plain, it goes over the
// document again and compares the names themselves.
type names struct {
	seen  hashes  // of the names so far
	exact bool    // the second time
	list  []named // the names so far, the second time

	user   int // the number of the user object; 0: not seen
	userID int // where the value of user.user_id begins; 0: not seen
}

// named is a name and the number of its object.
type named struct {
	object int
	name   string
}

// root is the number of the outermost object, if the document is one. All other objects have higher numbers.
const root = 1

// find reports where the value of user.user_id begins in record, or 0 if there is none, and whether a name stands twice.
// The second time takes some 50 bytes a name, and n log n time.
func find(record []byte) (userID int, duplicate bool) {
	var open [32]int
	var first names
	if first.walk(record, open[:]) {
		return first.userID, false
	}
	second := names{exact: true}
	second.walk(record, make([]int, MaxDepth+1))
	slices.SortFunc(second.list, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.object, b.object), strings.Compare(a.name, b.name))
	})
	n := len(second.list)
	return second.userID, len(slices.Compact(second.list)) < n
}

// walk adds the names of all objects in record, in order. It reports false if it stopped, because a name has to be
// compared exactly, or because objects nest deeper than open has room for.
func (n *names) walk(record []byte, open []int) bool {
	depth, objects, object := 0, root, 0
	if record[skipSpace(record, 0)] == '{' {
		objects = 0
	}
	for i := 0; i < len(record); i++ {
		switch record[i] {
		case '{':
			objects++
			depth++
			if depth == len(open) {
				return false
			}
			open[depth], object = objects, objects
		case '}':
			depth--
			object = open[depth]
		case '"':
			begin := i + 1
			end, hash, plain := stringEnd(record, begin, highBits)
			if !plain {
				end = closingQuote(record, begin)
			}
			i = skipSpace(record, end+1)
			if i == len(record) || record[i] != ':' { // a string in an array, or the document
				i--
				continue
			}
			value, inner := skipSpace(record, i+1), 0
			if record[value] == '{' {
				inner = objects + 1
			}
			name := text(record[begin:end])
			switch {
			case n.exact:
				name = n.add(object, name, plain)
			case !plain || !n.seen.add(object, hash):
				return false
			}
			switch {
			case object == root && name == "user":
				n.user = inner
			case n.user != 0 && object == n.user && name == "user_id":
				n.userID = value
			}
			i = value - 1
			if record[value] == '"' {
				i = closingQuote(record, value+1)
			}
		}
	}
	return true
}

// add puts a name into the list and returns it without escapes.
func (n *names) add(object int, name string, plain bool) string {
	if !plain {
		name = gjson.Parse(`"` + name + `"`).Str
	}
	n.list = append(n.list, named{object, strings.Map(folded, name)})
	return name
}

// folded is the same for all letters that Unicode's simple case folding takes for one, and for no others.
func folded(r rune) rune {
	for before := rune(0); r > before && r >= utf8.RuneSelf; { // SimpleFold goes up, and from the last letter to the first
		before, r = r, unicode.SimpleFold(r)
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

// text is b as a string that shares its bytes.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func skipSpace(record []byte, i int) int {
	if i < len(record) && record[i] > ' ' {
		return i
	}
	return skipSpaces(record, i)
}

func skipSpaces(record []byte, i int) int {
	for i < len(record) && record[i] <= ' ' {
		i++
	}
	return i
}

const (
	eachByte    = 0x0101010101010101
	highBits    = 0x80 * eachByte
	namePrime   = 0xD6E8FEB86659FD93
	objectPrime = 0x9E3779B97F4A7C15
)

// stringEnd returns where the string ends whose text begins at i. It looks at eight bytes at a time. The hash is the same
// for texts that differ in the case of ASCII letters alone. A text is plain if it ends, has no escapes and no control
// characters, and no bits of odd, which are all high bits or none. If it is not plain, the rest is zero.
func stringEnd(record []byte, i int, odd uint64) (end int, hash uint64, plain bool) {
	for ; ; i += 8 {
		var word uint64
		if i+8 <= len(record) {
			word = binary.LittleEndian.Uint64(record[i:])
		} else {
			word = lastBytes(record[i:]) // a zero is a control character
		}
		quote, backslash := word^'"'*eachByte, word^'\\'*eachByte
		quotes := (quote - eachByte) &^ quote & highBits // the lowest bit is that of the first quote
		before := quotes&-quotes>>7 - 1                  // the bits of all bytes before it, or of all bytes
		if (word&odd|((backslash-eachByte)&^backslash|(word-' '*eachByte)&^word)&highBits)&before != 0 {
			return 0, 0, false
		}
		hash = (hash ^ (word|' '*eachByte)&before) * namePrime // ' ' is the difference between A and a
		hash ^= hash >> 32
		if quotes != 0 {
			return i + bits.TrailingZeros64(quotes)/8, hash, true
		}
	}
}

// lastBytes returns the last bytes of a record, filled up with zeros.
func lastBytes(tail []byte) (word uint64) {
	for i, c := range tail {
		word |= uint64(c) << (8 * i)
	}
	return word
}

// closingQuote returns where the string ends whose text begins at begin, in valid JSON.
func closingQuote(record []byte, begin int) int {
	for i := begin; ; i++ {
		i += bytes.IndexByte(record[i:], '"')
		text := record[begin:i]
		if escapes := len(text) - len(bytes.TrimRight(text, `\`)); escapes%2 == 0 {
			return i
		}
	}
}

// hashes is a set. It is full when it is half full, so that the search for a place is short.
type hashes struct {
	slots [256]uint32
	used  int
}

// add reports whether the hash of a name is new in its object, and has found a place.
func (h *hashes) add(object int, hash uint64) bool {
	hash += uint64(object) * objectPrime
	if h.used == len(h.slots)/2 {
		return false
	}
	h.used++
	slot := uint32(hash) | 1 // 0 is empty
	for i := uint8(hash >> 24); ; i++ {
		switch h.slots[i] {
		case 0:
			h.slots[i] = slot
			return true
		case slot:
			return false
		}
	}
}
