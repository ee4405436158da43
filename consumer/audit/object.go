package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/streams"
)

// object is what is kept of one object and of the dead letters that its metadata names.
type object struct {
	key         string
	bytes       int64
	isLink      bool
	link        warehouse.Link
	lines       []line
	deadLetters []letter
	findings    []finding // that show without looking at other objects
}

// finding is a fault of an object.
type finding struct {
	fault Fault
	text  string
}

func (o *object) fault(f Fault, format string, args ...any) {
	o.findings = append(o.findings, finding{f, quoted(o.key) + ": " + fmt.Sprintf(format, args...)})
}

// withoutCallID counts the lines that have none.
func (o *object) withoutCallID() (n int) {
	for _, l := range o.lines {
		if l.call == 0 {
			n++
		}
	}
	return n
}

// callTimeout bounds a call, with its retries and the body of its answer.
const callTimeout = 5 * time.Minute

// reader reads objects.
type reader struct {
	bucket Bucket
	seed   maphash.Seed
}

// list calls each for every key at a location, in order, but for the probes of consumers' starts and checks.
func (r reader) list(ctx context.Context, at warehouse.Location, each func(key string) error) error {
	for listings := s3.NewListObjectsV2Paginator(r.bucket, &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: &at.Prefix}); listings.HasMorePages(); {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		listing, err := listings.NextPage(call)
		cancel()
		if err != nil {
			return fmt.Errorf("list %s: %w", at, err)
		}
		for _, o := range listing.Contents {
			if strings.HasPrefix(*o.Key, at.Prefix+warehouse.Probe) {
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
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o := object{key: key}
	if place, _, err := warehouse.ParseKey(at.Prefix, key); err != nil || !streams.ValidName(place.Shard) {
		o.fault(Foreign, "not the name of a link")
		return o, nil
	}
	out, err := r.bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &at.Bucket, Key: &key})
	if err != nil {
		return o, fmt.Errorf("get %q: %w", key, err)
	}
	defer out.Body.Close()
	if o.link, err = warehouse.ReadLink(at, key, out.Metadata); err != nil {
		o.fault(Foreign, "%s", quoted(err.Error()))
		return o, nil
	}
	o.isLink = true
	body := &transport{Reader: out.Body}
	err = o.readLines(body, r.seed)
	o.bytes = body.bytes
	switch {
	case body.err != nil:
		return o, fmt.Errorf("read %q: %w", key, body.err)
	case err != nil:
		o.fault(Unreadable, "%s", quoted(err.Error()))
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
