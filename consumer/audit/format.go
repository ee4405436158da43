package audit

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"example.com/callevents/consumer/warehouse"
)

// decode returns the lines that were encoded into body.
func decode(format warehouse.Format, body io.Reader) (io.ReadCloser, error) {
	switch format {
	case warehouse.NDJSON:
		return io.NopCloser(body), nil
	case warehouse.NDJSONGzip:
		return gzip.NewReader(body)
	case warehouse.NDJSONZstd:
		decoder, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("format %q cannot be read", format)
}
