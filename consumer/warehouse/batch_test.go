package warehouse_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/warehouse"
)

// typed is an accepted record: an ordinary call event, with one more field and one of another type.
const typed = `{"event":{"property":{"call_id":"c1","call_duration":"300","call_status":"completed","rating":5},` +
	`"super_property":{"source":"mandir","timestamp":"1763900000123"}},` +
	`"user":{"user_id":123,"state":{"coins":"a lot","is_logged_in":"true"},"device_segment":"7"},"geo_location":null,` +
	`"device":{"software":{"mobile":{"version":"14","name":"iOS"},"web":null}},"session":{"number":"007"},"new":{"x":[1,2]}}`

var contentTypes = map[warehouse.Format]string{
	warehouse.NDJSON:     "application/x-ndjson",
	warehouse.NDJSONGzip: "application/gzip", // no content encoding: readers would then see other bytes than its name says
	warehouse.NDJSONZstd: "application/zstd",
	warehouse.Parquet:    "application/vnd.apache.parquet",
}

// wantHead checks what an object is said to be.
func (s server) wantHead(t *testing.T, key, contentType string, bytes int) {
	t.Helper()
	out, err := s.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.ContentType) != contentType || aws.ToString(out.ContentEncoding) != "" || aws.ToInt64(out.ContentLength) != int64(bytes) {
		t.Errorf("%s: %d bytes of %s in %q, want %d of %s", key, aws.ToInt64(out.ContentLength), aws.ToString(out.ContentType), aws.ToString(out.ContentEncoding), bytes, contentType)
	}
}

func TestEveryFormatHoldsWhatWasAdded(t *testing.T) {
	srv := fakeS3(t)
	var want strings.Builder
	for i := range 50_000 { // more than a block of the body, compressed too
		fmt.Fprintf(&want, "{\"user\":{\"user_id\":%d}}\n", i*7919)
	}
	for format, decode := range map[warehouse.Format]func(io.Reader) (io.Reader, error){
		warehouse.NDJSON:     func(r io.Reader) (io.Reader, error) { return r, nil },
		warehouse.NDJSONGzip: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		warehouse.NDJSONZstd: func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Format = format })
		b := s.NewBatch()
		for round, lines := range []string{want.String(), "", want.String()} { // a batch is used again and again
			at := place("1")
			at.Day = warehouse.Day(time.Date(2026, 1, 1+round, 0, 0, 0, 0, time.UTC))
			b.Begin(at)
			for line := range strings.Lines(lines) {
				b.Append("5")
				if err := b.AddLine([]byte(line)); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Seal("2026-12-01"); err != nil {
				t.Fatal(err)
			}
			if b.Bytes() != len(lines) || format != warehouse.NDJSON && len(lines) > 0 && b.BodyBytes() > len(lines)/2 {
				t.Errorf("%s: %d bytes in, %d bytes out", format, b.Bytes(), b.BodyBytes())
			}
			link, err := commit(within(t, 10*time.Second), s, b)
			if err != nil {
				t.Fatal(err)
			}
			srv.wantHead(t, link.Key(), contentTypes[format], b.BodyBytes())
			plain, err := decode(strings.NewReader(srv.read(t, link.Key())))
			if err != nil {
				t.Fatalf("%s: %v", link.Key(), err)
			}
			if got, err := io.ReadAll(plain); err != nil || string(got) != lines {
				t.Fatalf("%s: %d bytes, %v", link.Key(), len(got), err)
			}
		}
	}
}

func TestParquetHasTypesAndLosesNothing(t *testing.T) {
	srv := fakeS3(t)
	s, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Format = warehouse.Parquet })
	b := s.NewBatch()
	for _, lines := range []int{2, 0, 2} {
		b.Begin(place("100"))
		for range lines {
			b.Append("101")
			if err := b.AddLine([]byte(typed + "\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Seal("2026-12-01"); err != nil {
			t.Fatal(err)
		}
		s.Prefix += "x/"
		link, err := commit(within(t, 10*time.Second), s, b)
		if err != nil {
			t.Fatal(err)
		}
		srv.wantHead(t, link.Key(), contentTypes[warehouse.Parquet], b.BodyBytes())
		body := srv.read(t, link.Key())
		rows, err := parquet.Read[struct {
			Event struct {
				Property struct {
					CallID       string `parquet:"call_id,optional"`
					CallDuration *int32 `parquet:"call_duration,optional"`
				} `parquet:"property"`
				SuperProperty struct {
					Timestamp *time.Time `parquet:"timestamp,optional,timestamp(millisecond)"`
				} `parquet:"super_property"`
			} `parquet:"event"`
			User struct {
				UserID int64 `parquet:"user_id"`
				State  struct {
					Coins      *int64 `parquet:"coins,optional"`
					IsLoggedIn *bool  `parquet:"is_logged_in,optional"`
				} `parquet:"state"`
			} `parquet:"user"`
			Unknown string `parquet:"unknown_fields,optional"`
		}](strings.NewReader(body), int64(len(body)))
		if err != nil || len(rows) != lines {
			t.Fatalf("%d rows, %v; want %d", len(rows), err, lines)
		}
		for _, r := range rows {
			if r.Event.Property.CallID != "c1" || *r.Event.Property.CallDuration != 300 || r.User.UserID != 123 ||
				!*r.User.State.IsLoggedIn || r.User.State.Coins != nil ||
				!r.Event.SuperProperty.Timestamp.Equal(time.UnixMilli(1763900000123)) {
				t.Errorf("%+v", r)
			}
			const unknown = `{"event":{"property":{"rating":5}},"user":{"state":{"coins":"a lot"}},"session":{"number":"007"},"new":{"x":[1,2]}}`
			if r.Unknown != unknown {
				t.Errorf("unknown fields %s, want %s", r.Unknown, unknown)
			}
		}
	}
}
