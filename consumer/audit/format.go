package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

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
	case warehouse.Parquet:
		return parquetLines(body)
	}
	return nil, fmt.Errorf("format %s cannot be read", format)
}

// identity is what an audit wants of a row.
type identity struct {
	Event struct {
		Property struct {
			CallID string `parquet:"call_id,optional" json:"call_id"`
		} `parquet:"property" json:"property"`
	} `parquet:"event" json:"event"`
	User struct {
		UserID int64 `parquet:"user_id" json:"user_id"`
	} `parquet:"user" json:"user"`
}

// parquetLines reads a Parquet object back as lines of JSON: its call_id and user_id only.
func parquetLines(body io.Reader) (io.ReadCloser, error) {
	file, err := io.ReadAll(body) // the footer, which says where everything is, comes last
	if err != nil {
		return nil, err
	}
	opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	rows := parquet.NewGenericReader[identity](opened)
	defer rows.Close()
	var lines bytes.Buffer
	to := json.NewEncoder(&lines)
	for chunk := make([]identity, 256); ; {
		n, err := rows.Read(chunk)
		for _, row := range chunk[:n] {
			if err := to.Encode(row); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return io.NopCloser(&lines), nil
		}
		if err != nil {
			return nil, err
		}
	}
}
