package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/tidwall/gjson"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/event"
)

// maxLine is longer than any line can be: a record has 10 MiB at most.
const maxLine = 16 << 20

// preflight is the name under each prefix of the object that a consumer leaves there when it starts.
const preflight = "_preflight"

// object is what is kept of one object and of the dead letters that its metadata names.
type object struct {
	key         string
	bytes       int64
	isLink      bool
	link        warehouse.Link
	lines       []line
	deadLetters []uint64  // hashes of their call_ids, 0 where there is none
	findings    []finding // that show without looking at other objects
}

// line is one record.
type line struct {
	call uint64 // hash of the call_id; 0: it has none
	text uint64 // hash of the whole line; of Parquet, which does not keep the text, that of the call_id
}

// finding is a fault of an object.
type finding struct {
	fault Fault
	text  string
}

func (o *object) fault(f Fault, format string, args ...any) {
	o.findings = append(o.findings, finding{f, o.key + ": " + fmt.Sprintf(format, args...)})
}

// reader reads objects.
type reader struct {
	bucket Bucket
	seed   maphash.Seed
}

// list calls each for every key at a location, in order, without the preflight's.
func (r reader) list(ctx context.Context, at warehouse.Location, each func(key string) error) error {
	for listings := s3.NewListObjectsV2Paginator(r.bucket, &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: &at.Prefix}); listings.HasMorePages(); {
		listing, err := listings.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", at, err)
		}
		for _, o := range listing.Contents {
			if *o.Key == at.Prefix+preflight {
				continue
			}
			if err := each(*o.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// object reads an object to its end, and its dead letters. An error means that it could not be read now; what is wrong
// with it is among its findings.
func (r reader) object(ctx context.Context, at warehouse.Location, key string) (object, error) {
	o := object{key: key}
	if _, _, err := warehouse.ParseKey(at.Prefix, key); err != nil {
		o.fault(Foreign, "not the name of a link")
		return o, nil
	}
	out, err := r.bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &at.Bucket, Key: &key})
	if err != nil {
		return o, fmt.Errorf("get %s: %w", key, err)
	}
	defer out.Body.Close()
	if o.link, err = warehouse.ReadLink(at, key, out.Metadata); err != nil {
		o.fault(Foreign, "%v", err)
		return o, nil
	}
	o.isLink = true
	body := &transport{Reader: out.Body}
	err = o.readLines(body, r.seed)
	o.bytes = body.bytes
	switch {
	case body.err != nil:
		return o, fmt.Errorf("read %s: %w", key, body.err)
	case err != nil:
		o.fault(Unreadable, "%v", err)
	case len(o.lines) != o.link.Records:
		o.fault(WrongCounts, "%d records, its metadata says %d", len(o.lines), o.link.Records)
	}
	return o, r.readDeadLetters(ctx, &o)
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
