package audit

import (
	"bufio"
	"encoding/json"
	"hash/maphash"
	"io"
	"strconv"

	"github.com/tidwall/gjson"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/event"
)

// line is one record.
type line struct {
	call uint64 // hash of the call_id; 0: it has none
	text uint64 // hash of the whole line; of Parquet, which does not keep the text, that of the call_id
}

// maxLine is longer than any line can be: a record has 10 MiB at most.
const maxLine = 16 << 20

func (o *object) readLines(body io.Reader, seed maphash.Seed) error {
	text, err := decode(o.link.Format, body)
	if err != nil {
		return err
	}
	defer text.Close()
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		o.addLine(scanner.Bytes(), seed)
	}
	return scanner.Err()
}

func (o *object) addLine(text []byte, seed maphash.Seed) {
	l := line{text: textHash(o.link.Format, text, seed)}
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

func isInteger(value gjson.Result) bool {
	_, err := strconv.ParseInt(value.Raw, 10, 64)
	return value.Type == gjson.Number && err == nil
}

func textHash(format warehouse.Format, text []byte, seed maphash.Seed) uint64 {
	if format == warehouse.Parquet {
		return callHash(text, seed)
	}
	return maphash.Bytes(seed, text)
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
