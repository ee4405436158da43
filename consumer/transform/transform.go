// Package transform turns the bytes of one stream record into one line of the warehouse, or says why it cannot.
//
// The one change is that user.user_id, a JSON string, becomes the JSON integer that the string spells. It is made
// by editing the bytes: field order, unknown fields, number formats and escapes stay as they came. A user_id that
// is an integer already is kept as it is, so transforming twice changes nothing more.
//
// What always holds for an accepted record: it is valid JSON in valid UTF-8, it is one line (no CR, no LF, and none
// appended), no name stands twice in one of its objects, and it has a user.user_id, which is an integer inside int64
// without sign "+", leading zeros, fraction or exponent. White space between tokens is touched only where the record has
// line breaks: around the record it is trimmed, and if line breaks remain inside, all of it goes. Strings are never
// touched, a U+2028 in one included.
//
// Decisions a reader may question:
//   - Invalid UTF-8 is rejected, and so is an escape that is half of a surrogate pair, "\ud800". JSON is UTF-8 by
//     definition (RFC 8259, 8.1), and readers differ between failing, at the whole table, and silently replacing such
//     characters; the dead letter keeps them.
//   - A name twice in one object is rejected, exactly or but for case, in every object. DuckDB ends a query over such a
//     record, the JSON readers of Athena and Spark do so or pick one of the two, and a reader that ignores case takes
//     "User" for the user. DuckDB takes only ASCII letters for the same but for case; Athena's reader lowers all
//     letters. So case is Unicode's, by simple folding, as in strings.EqualFold: "É" is "é", but "ß" is not "ss". Names that
//     differ between records are no matter of one record: docs/operations.md names the columns of its queries.
//   - Names and values are compared decoded, as every JSON reader does: "user\u005fid" is user_id, "\u0035" is 5.
//   - "-5" is an integer; "-0", whose sign most readers lose, is not.
//
// The package is pure: no I/O, no state, safe for concurrent use.
package transform

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
)

// MaxDepth is how deeply arrays and objects may nest: as deeply as readers can go. Jackson, and Spark with it, allows
// 1,000, in version 3 500; DuckDB crashes before 10,000, the limit of encoding/json. Validation is recursive, too: a
// 10 MiB record of "[" would overflow the stack, which no recover catches.
const MaxDepth = 500

const whiteSpace = " \t\r\n" // of JSON

// Append appends the transformed record to dst and returns the extended slice, or returns dst as it was and the
// reason for the rejection. record is neither changed nor kept. Nothing is allocated if dst has room for record.
func Append(dst, record []byte) ([]byte, Reason) {
	lines := multiline(record)
	if lines {
		record = bytes.Trim(record, whiteSpace)
	}
	id, reason := userID(record)
	if reason != "" {
		return dst, reason
	}
	start := len(dst)
	dst = append(dst, record[:id.Index]...)
	dst = append(dst, event.Text(id)...)
	dst = append(dst, record[id.Index+len(id.Raw):]...)
	if lines && multiline(record) {
		dst = dst[:start+compact(dst[start:])]
	}
	return dst, ""
}

// check reports why record is not a JSON document that can be searched. The depth comes first: it makes the
// validation safe.
func check(record []byte) Reason {
	switch {
	case tooDeep(record):
		return TooDeep
	case !gjson.ValidBytes(record):
		return NotJSON
	case !utf8.Valid(record), halfPair(record):
		return InvalidUTF8
	}
	return ""
}

// userID finds the one user.user_id and its place in record, which it checks. The result refers to record.
func userID(record []byte) (id gjson.Result, reason Reason) {
	at, ok := plain(record)
	if !ok {
		if reason := check(record); reason != "" {
			return id, reason
		}
		var duplicate bool
		if at, duplicate = find(record); duplicate {
			return id, DuplicateName
		}
	}
	if at == 0 {
		return id, NoUserID
	}
	id = gjson.Parse(text(record[at:])) // no copy; gjson only reads it
	id.Index = at
	if !isInteger(event.Text(id)) {
		return id, UserIDNotInteger
	}
	return id, ""
}

// isInteger reports whether s is the canonical decimal form of an int64.
func isInteger(s string) bool {
	var canonical [len("-9223372036854775808")]byte
	if len(s) > len(canonical) {
		return false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && s == string(strconv.AppendInt(canonical[:0], n, 10))
}

// multiline reports a line break. In valid JSON it can only stand between tokens: inside a string it is escaped.
func multiline(record []byte) bool {
	return bytes.IndexByte(record, '\n') >= 0 || bytes.IndexByte(record, '\r') >= 0
}

// compact removes the white space between the tokens of valid JSON, in place, and returns the new length.
func compact(record []byte) int {
	n, inString, escaped := 0, false, false
	for _, c := range record {
		if !inString && c <= ' ' {
			continue
		}
		if c == '"' && !escaped {
			inString = !inString
		}
		escaped = c == '\\' && !escaped
		record[n] = c
		n++
	}
	return n
}

// tooDeep reports whether arrays and objects nest deeper than MaxDepth. It need not be right about what follows a
// syntax error, because validation stops there.
func tooDeep(record []byte) bool {
	if bytes.Count(record, []byte("["))+bytes.Count(record, []byte("{")) <= MaxDepth {
		return false
	}
	depth, inString, escaped := 0, false, false
	for _, c := range record {
		switch {
		case c == '"' && !escaped:
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
		escaped = c == '\\' && !escaped
		if depth > MaxDepth {
			return true
		}
	}
	return false
}

// halfPair reports whether a string of valid JSON has an escape that is half of a surrogate pair, without the other half.
func halfPair(record []byte) bool {
	for {
		i := bytes.IndexByte(record, '\\')
		switch {
		case i < 0:
			return false
		case record[i+1] != 'u':
			record = record[i+2:]
			continue
		}
		first := escaped(record[i:])
		record = record[i+6:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, escaped(record)) == utf8.RuneError {
			return true
		}
		record = record[6:]
	}
}

// escaped returns the code unit of the \uXXXX that text begins with, or 0.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit)
}
