package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"strconv"

	"github.com/tidwall/gjson"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/event"
)

// line is one record.
type line struct {
	call uint64 // hash of the call_id; 0: it has none
	text uint64 // hash of the whole line; of Parquet, of the whole row
}

// maxLine is longer than any line can be: a record has 10 MiB at most.
const maxLine = 16 << 20

func (o *object) readLines(body io.Reader, seed maphash.Seed) error {
	if o.link.Format == warehouse.Parquet {
		return o.readRows(body, seed)
	}
	text, err := decode(o.link.Format, body)
	if err != nil {
		return err
	}
	defer text.Close()
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, maxLine)
	scanner.Split(wholeLines)
	for scanner.Scan() {
		o.addLine(scanner.Bytes(), seed)
	}
	return scanner.Err()
}

// wholeLines splits at line feeds and nowhere else. Every line has one.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, data[:end], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errors.New("the last line has no line feed")
	}
	return 0, nil, nil
}

func (o *object) addLine(text []byte, seed maphash.Seed) {
	l := line{text: maphash.Bytes(seed, text)}
	if !json.Valid(text) {
		o.fault(NotJSON, "line %d", len(o.lines)+1)
	} else {
		if id := gjson.GetBytes(text, event.UserIDPath); !isInteger(id) {
			o.fault(UserIDNotInteger, "line %d", len(o.lines)+1)
		}
		l.call = callHash(text, seed)
	}
	o.lines = append(o.lines, l)
}

// lineOf is what addLine and readRows should have made of a line of the reference.
func lineOf(format warehouse.Format, text []byte, seed maphash.Seed) line {
	if format == warehouse.Parquet {
		cells := reference.Row(text)
		return line{call: cellsCall(cells, seed), text: cellsHash(cells, seed)}
	}
	return line{call: callHash(text, seed), text: maphash.Bytes(seed, text)}
}

func isInteger(value gjson.Result) bool {
	_, err := strconv.ParseInt(value.Raw, 10, 64)
	return value.Type == gjson.Number && err == nil
}

// callHash returns the hash of the call_id of a record that is valid JSON, 0 if it has none.
func callHash(record []byte, seed maphash.Seed) uint64 {
	id := gjson.GetBytes(record, event.CallIDPath)
	if id.Type != gjson.String || id.Str == "" {
		return 0
	}
	return hashOf(id.Str, seed)
}

// hashOf is never 0.
func hashOf(call string, seed maphash.Seed) uint64 { return max(1, maphash.String(seed, call)) }
