package transform

import (
	"bytes"
	"unicode/utf8"
)

// plain goes over a record as producers write it: objects, strings, integers, true, false and null, without white space
// and escapes, and with names in ASCII. It reports where the value of user.user_id begins, or 0 if there is none. If it is
// ok, the record is valid JSON and UTF-8, nests less deeply than MaxDepth, and has no name twice in one object.
//
// It saves nearly all records the slower way, [check] and [find], which decide about any record without it.
func plain(record []byte) (userID int, ok bool) {
	if len(record) == 0 || record[0] != '{' || bytes.IndexByte(record, '\\') >= 0 { // known before anything is read
		return 0, false
	}
	var seen hashes
	var open [32]int // the numbers of the objects around; the outermost is root
	depth, objects, user := 1, root, 0
	open[depth] = root
	for i := 1; ; {
		name, value, hash, ok := plainName(record, i)
		if object := open[depth]; !ok || !seen.add(object, hash) {
			return 0, false
		} else if object == root && name == "user" && record[value] == '{' {
			user = objects + 1
		} else if object == user && name == "user_id" {
			userID = value
		}
		if i = value + 1; record[value] == '{' {
			objects++
			depth++
			if depth == len(open) || i == len(record) {
				return 0, false
			}
			open[depth] = objects
			if record[i] != '}' {
				continue // its first name
			}
		} else if i, ok = plainEnd(record, value); !ok {
			return 0, false
		}
		for ; i < len(record) && record[i] == '}'; i++ {
			if depth--; depth == 0 {
				return userID, i+1 == len(record) && utf8.Valid(record)
			}
		}
		if i == len(record) || record[i] != ',' {
			return 0, false
		}
		i++
	}
}

// plainName reads a name that begins at i and the colon after it. There is a byte at value.
func plainName(record []byte, i int) (name string, value int, hash uint64, ok bool) {
	if i == len(record) || record[i] != '"' {
		return "", 0, 0, false
	}
	end, hash, ok := stringEnd(record, i+1, highBits)
	if !ok || end+2 >= len(record) || record[end+1] != ':' {
		return "", 0, 0, false
	}
	return text(record[i+1 : end]), end + 2, hash, true
}

// plainEnd returns where a value ends that is no object.
func plainEnd(record []byte, i int) (end int, ok bool) {
	rest := record[i:]
	switch c := record[i]; {
	case c == '"':
		end, _, ok = stringEnd(record, i+1, 0)
		return end + 1, ok
	case '1' <= c && c <= '9':
		for end = i; end < len(record) && '0' <= record[end] && record[end] <= '9'; end++ {
		}
		return end, true
	case c == '0':
		return i + 1, true
	case len(rest) >= 4 && (string(rest[:4]) == "null" || string(rest[:4]) == "true"):
		return i + 4, true
	case len(rest) >= 5 && string(rest[:5]) == "false":
		return i + 5, true
	}
	return 0, false
}
