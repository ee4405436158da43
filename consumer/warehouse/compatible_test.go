package warehouse_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"example.com/callevents/consumer/warehouse"
)

// stored returns the object that a store makes of lines.
func stored(t *testing.T, as warehouse.Format, lines ...string) []byte {
	t.Helper()
	srv, client := server{bucket: "b"}, &kept{}
	s, _ := srv.store(client, func(c *warehouse.Config) { c.Format = as })
	b := s.NewBatch()
	b.Begin(place("100"))
	for _, line := range lines {
		b.Append("101")
		if err := b.AddLine([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(day); err != nil {
		t.Fatal(err)
	}
	if _, err := commit(within(t, time.Minute), s, b); err != nil {
		t.Fatal(err)
	}
	return client.body
}

// A link without records is an object in its format, too. Seen to fail with
// WithZeroFrames(false), the default of former versions of the library: zero bytes, which `zstd -t` refuses.
func TestObjectsWithoutLinesAreInTheirFormat(t *testing.T) {
	for as, decode := range map[warehouse.Format]func(io.Reader) (io.Reader, error){
		warehouse.NDJSONGzip: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		warehouse.NDJSONZstd: func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		body := stored(t, as)
		plain, err := decode(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", as, err)
		}
		if got, err := io.ReadAll(plain); err != nil || len(got) > 0 || len(body) == 0 {
			t.Errorf("%s: %q of %d bytes, %v", as, got, len(body), err)
		}
	}
	var frame zstd.Header // the decoder takes zero bytes for zero frames; a frame has a header
	if err := frame.Decode(stored(t, warehouse.NDJSONZstd)); err != nil || frame.Skippable {
		t.Errorf("no frame of zstd: %v", err)
	}
	body := stored(t, warehouse.Parquet)
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil || file.NumRows() != 0 || len(file.Schema().Columns()) < 40 {
		t.Errorf("an empty Parquet file: %v", err)
	}
}

// The files have nothing that Athena, Spark and Trino might not read. Seen to fail with pages of version 2, and with
// DELTA_LENGTH_BYTE_ARRAY in call_id and 9 more columns.
func TestParquetFilesUseWhatEveryReaderHas(t *testing.T) {
	body := stored(t, warehouse.Parquet, slices.Repeat([]string{typed, `{"user":{"user_id":1},"device":{"a_id":"x","ip":{"ipv4":"::"}}}`}, 2000)...)
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Metadata().RowGroups {
		for _, chunk := range group.Columns {
			column := chunk.MetaData
			name := strings.Join(column.PathInSchema, ".")
			for _, encoding := range column.Encoding {
				if encoding != format.Plain && encoding != format.RLE && encoding != format.RLEDictionary {
					t.Errorf("%s: encoding %s", name, encoding)
				}
			}
			if column.Codec != format.Snappy {
				t.Errorf("%s: compressed with %s", name, column.Codec)
			}
			if header := pageAt(t, body, column.DataPageOffset); header.Type != format.DataPage {
				t.Errorf("%s: a %s", name, header.Type)
			}
			for _, pages := range column.EncodingStats {
				if pages.PageType != format.DataPage && pages.PageType != format.DictionaryPage {
					t.Errorf("%s: %d pages are a %s", name, pages.Count, pages.PageType)
				}
			}
		}
	}
	wantTimestamp(t, file.Metadata().Schema)
}

// pageAt reads the header of the page at an offset.
func pageAt(t *testing.T, body []byte, offset int64) (header format.PageHeader) {
	t.Helper()
	if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(bytes.NewReader(body[offset:]))).Decode(&header); err != nil {
		t.Fatal(err)
	}
	return header
}

// wantTimestamp wants the timestamp to be INT64 in milliseconds of UTC, in both ways to say so.
func wantTimestamp(t *testing.T, schema []format.SchemaElement) {
	t.Helper()
	i := slices.IndexFunc(schema, func(e format.SchemaElement) bool { return e.Name == "timestamp" })
	if i < 0 {
		t.Fatal("no timestamp")
	}
	column := schema[i]
	logical, ok := column.LogicalType.Value.(*format.TimestampType)
	if !ok || !logical.IsAdjustedToUTC {
		t.Fatalf("logical type %v", column.LogicalType)
	}
	if _, millis := logical.Unit.Value.(*format.MilliSeconds); !millis {
		t.Errorf("unit %v", logical.Unit)
	}
	if kind, ok := column.Type.Get(); !ok || kind != format.Int64 {
		t.Errorf("type %v", column.Type)
	}
	if converted, ok := column.ConvertedType.Get(); !ok || converted != deprecated.TimestampMillis {
		t.Errorf("converted type %v", column.ConvertedType)
	}
}
