package reference

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxDepth   = 500 // of arrays and objects
	lineBreaks = "\r\n"
)

// Line returns the line that a user record should become, or the reason why it is to be rejected. The reasons are
// asked for in this order; the first one counts.
func Line(record []byte) (line []byte, reason string) {
	if bytes.ContainsAny(record, lineBreaks) {
		record = bytes.Trim(record, " \t\r\n")
	}
	switch {
	case depth(record) > maxDepth:
		return nil, tooDeep
	case !json.Valid(record):
		return nil, notJSON
	case !utf8.Valid(record) || hasHalfPair(record):
		return nil, invalidUTF8
	case hasNameTwice(record):
		return nil, duplicateName
	}
	user, reason := only(record, "user")
	if reason != "" {
		return nil, reason
	}
	userID, reason := only(user.value, "user_id")
	if reason != "" {
		return nil, reason
	}
	id := text(userID.value)
	if !isInteger(id) {
		return nil, userIDNotInteger
	}
	start := user.start + userID.start
	line = slices.Concat(record[:start], []byte(id), record[start+len(userID.value):])
	if bytes.ContainsAny(line, lineBreaks) {
		var compact bytes.Buffer
		json.Compact(&compact, line) // of valid JSON, it cannot fail
		line = compact.Bytes()
	}
	return line, ""
}

// only returns the member of an object with that name, or why there is none. No name stands twice.
func only(object []byte, name string) (member, string) {
	for _, m := range members(object) {
		if m.name == name {
			return m, ""
		}
	}
	return member{}, noUserID
}

// hasNameTwice reports a name that stands twice in one object of valid JSON, exactly or but for case.
func hasNameTwice(record []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.UseNumber() // a number may be too large for a float64
	twice := false
	var read func()
	read = func() {
		bracket, _ := decoder.Token()
		names := map[string]bool{}
		for bracket == json.Delim('[') && decoder.More() {
			read()
		}
		for bracket == json.Delim('{') && decoder.More() {
			key, _ := decoder.Token()
			name := strings.Map(firstLetter, key.(string))
			twice = twice || names[name]
			names[name] = true
			read()
		}
		if _, ok := bracket.(json.Delim); ok {
			decoder.Token() // the end
		}
	}
	read()
	return twice
}

// firstLetter is the first of the letters that differ from r in case alone.
func firstLetter(r rune) rune {
	for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(next) {
		if next <= r {
			return next
		}
		r = next
	}
}

// member is a member of an object, and where in the object its value begins.
type member struct {
	name    string
	written []byte // the name as it is written, quotes and escapes included
	value   json.RawMessage
	start   int
}

// members returns all members of an object, in order. Any other JSON value has none.
func members(object []byte) (list []member) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if first, _ := decoder.Token(); first != json.Delim('{') {
		return nil
	}
	for decoder.More() {
		before := decoder.InputOffset()
		key, _ := decoder.Token() // no errors: the JSON is valid
		m := member{name: key.(string), written: bytes.TrimLeft(object[before:decoder.InputOffset()], ", \t\r\n")}
		_ = decoder.Decode(&m.value)
		m.start = int(decoder.InputOffset()) - len(m.value)
		list = append(list, m)
	}
	return list
}

// text is what a JSON string spells, or any other value as it is written.
func text(value json.RawMessage) string {
	var s string
	if value[0] == '"' && json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

// isInteger reports whether s is an int64 in the one form that FormatInt has for it.
func isInteger(s string) bool {
	_, ok := integer(s)
	return ok
}

func integer(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// depth is how deeply the brackets outside of strings nest. It is asked before the record is known to be JSON.
func depth(record []byte) (deepest int) {
	now, inString := 0, false
	for i, c := range record {
		switch {
		case c == '"' && !endsInEscape(record[:i]):
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			now++
			deepest = max(deepest, now)
		case c == ']' || c == '}':
			now--
		}
	}
	return deepest
}

// endsInEscape reports an odd number of backslashes at the end: the next character is escaped.
func endsInEscape(text []byte) bool {
	return (len(text)-len(bytes.TrimRight(text, `\`)))%2 == 1
}

// hasHalfPair reports an escape that is half of a surrogate pair, in valid JSON. Without the pairs, every escape of a
// surrogate is half of one.
func hasHalfPair(record []byte) bool {
	return surrogate.Match(pairs.ReplaceAll(record, nil))
}

var (
	pairs     = regexp.MustCompile(`\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\[^u]`) // and escapes without u, such as a backslash
	surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)
)
