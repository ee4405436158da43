package warehouse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
	"example.com/callevents/shared/sequence"
)

// maxLine is longer than any line can be: a record has 10 MiB at most.
const maxLine = 16 << 20

// object is what is kept of one object and the dead letters that its metadata names.
type object struct {
	key     string
	bytes   int64
	isLink  bool
	link    Link
	lines   []line
	letters []uint64 // hashes of their call_ids, 0 where there is none
	found   []found  // faults that show without looking at other objects
}

// line is one record.
type line struct {
	call uint64 // hash of the call_id; 0: it has none
	text uint64 // hash of the whole line; of Parquet, which does not keep the text, that of the call_id
}

type found struct {
	fault Fault
	text  string
}

func (o *object) fault(f Fault, format string, args ...any) {
	o.found = append(o.found, found{f, o.key + ": " + fmt.Sprintf(format, args...)})
}

// read reads an object to its end. An error means that it could not be read now; what is wrong with it is noted.
func (v *verifier) read(ctx context.Context, at Location, key string) (object, error) {
	o := object{key: key}
	place, format, err := ParseKey(at.Prefix, key)
	if err != nil {
		o.fault(Foreign, "not the name of a link")
		return o, nil
	}
	out, err := v.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &at.Bucket, Key: &key})
	if err != nil {
		return o, fmt.Errorf("get %s: %w", key, err)
	}
	defer out.Body.Close()
	if o.link, err = parseLink(at, place, format, out.Metadata); err != nil {
		o.fault(Foreign, "%v", err)
		return o, nil
	}
	o.isLink = true
	body := &transport{Reader: out.Body}
	if err := o.readLines(body, v.seed); err != nil && body.err == nil {
		o.fault(Unreadable, "%v", err)
	} else if len(o.lines) != o.link.Records {
		o.fault(WrongCounts, "%d records, its metadata says %d", len(o.lines), o.link.Records)
	}
	o.bytes = body.bytes
	if body.err != nil {
		return o, fmt.Errorf("read %s: %w", key, body.err)
	}
	return o, v.readLetters(ctx, &o)
}

// transport tells errors of the connection from those of what came over it.
type transport struct {
	io.Reader
	bytes int64
	err   error
}

func (t *transport) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.bytes += int64(n)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// decode returns what was encoded into body.
func decode(format Format, body io.Reader) (io.ReadCloser, error) {
	switch format {
	case NDJSON:
		return io.NopCloser(body), nil
	case NDJSONGzip:
		return gzip.NewReader(body)
	case NDJSONZstd:
		decoder, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	case Parquet:
		return parquetLines(body)
	}
	return nil, fmt.Errorf("format %s cannot be read", format)
}

func (o *object) readLines(body io.Reader, seed maphash.Seed) error {
	text, err := decode(o.link.Format, body)
	if err != nil {
		return err
	}
	defer text.Close()
	o.lines = make([]line, 0, o.link.Records)
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		o.takeLine(scanner.Bytes(), seed)
	}
	return scanner.Err()
}

func (o *object) takeLine(text []byte, seed maphash.Seed) {
	var l line
	if !gjson.ValidBytes(text) {
		o.fault(NotJSON, "line %d", len(o.lines)+1)
	} else {
		if id := gjson.GetBytes(text, event.UserIDPath); !isInteger(id) {
			o.fault(UserIDNotInteger, "line %d", len(o.lines)+1)
		}
		l.call = callHash(text, seed)
	}
	l.text = textHash(o.link.Format, text, seed)
	o.lines = append(o.lines, l)
}

func isInteger(value gjson.Result) bool {
	_, err := strconv.ParseInt(value.Raw, 10, 64)
	return value.Type == gjson.Number && err == nil
}

func textHash(format Format, text []byte, seed maphash.Seed) uint64 {
	if format == Parquet {
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

// readLetters reads the dead letters of o's link.
func (v *verifier) readLetters(ctx context.Context, o *object) error {
	if o.link.Rejected == 0 {
		return nil
	}
	key := o.link.DeadLetters
	out, err := v.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.link.Bucket, Key: &key})
	if status(err) == http.StatusNotFound {
		o.fault(DeadLetterFaults, "%d records were rejected, but %s does not exist", o.link.Rejected, key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	defer out.Body.Close()
	body := &transport{Reader: out.Body}
	for decoder := json.NewDecoder(body); ; {
		var letter DeadLetter
		err := decoder.Decode(&letter)
		if body.err != nil {
			return fmt.Errorf("read %s: %w", key, body.err)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			o.fault(DeadLetterFaults, "%s: %v", key, err)
			break
		}
		o.takeLetter(letter, v.seed)
	}
	if len(o.letters) != o.link.Rejected {
		o.fault(DeadLetterFaults, "%d records were rejected, %s has %d", o.link.Rejected, key, len(o.letters))
	}
	return nil
}

func (o *object) takeLetter(letter DeadLetter, seed maphash.Seed) {
	n, err := sequence.Parse(letter.SequenceNumber)
	if err != nil || letter.ShardID != o.link.Shard || o.link.First.After(n) || n.After(o.link.Last) {
		o.fault(DeadLetterFaults, "%s has sequence number %q of %q, which is not of this link", o.link.DeadLetters, letter.SequenceNumber, letter.ShardID)
	}
	var call uint64
	if gjson.ValidBytes(letter.Data) {
		call = callHash(letter.Data, seed)
	}
	o.letters = append(o.letters, call)
}
