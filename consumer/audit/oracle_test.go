package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/warehouse"
)

// meaning is what the objects of a warehouse say, by key: metadata and content, decoded. A warehouse is damaged if, and
// only if, it does not mean any more what it did. The oracle knows no rule of a chain. Folders of other applications
// under the prefix of dead letters are not part of it.
func meaning(m memory) map[string]string {
	all := map[string]string{}
	for _, key := range m.keys("records/") {
		place, format, _ := strings.Cut(key, ".") // what has no lines is the same in some formats
		all[place] += fmt.Sprint(told(m[key].metadata, format)) + content(key, m[key].body)
	}
	for _, key := range m.keys("errors/") {
		folder, _, inside := strings.Cut(strings.TrimPrefix(key, "errors/"), "/")
		if !inside || folder == "app" || strings.HasPrefix(folder, "dt=") {
			all[key] = letterContent(m[key].body)
		}
	}
	return all
}

// told is the metadata of a link that anything depends on.
func told(metadata map[string]string, format string) map[string]string {
	told := map[string]string{}
	maps.Copy(told, metadata)
	if told["format"] == format {
		told["format"] = "that of the name"
	}
	if _, ok := told["writer"]; ok {
		told["writer"] = "somebody"
	}
	if told["copies"] == "0" {
		delete(told, "copies") // so it is without it, as in links of older versions
	}
	if told["rejected"] == "0" {
		delete(told, "dead-letters")
	}
	return told
}

func content(key string, body []byte) (text string) {
	defer func() {
		if broken := recover(); broken != nil {
			text = fmt.Sprint("broken: ", broken)
		}
	}()
	_, format, _ := strings.Cut(key, ".")
	switch warehouse.Format(format) {
	case warehouse.NDJSONGzip:
		from, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err.Error()
		}
		return readable(from)
	case warehouse.NDJSONZstd:
		from, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err.Error()
		}
		defer from.Close()
		return readable(from)
	case warehouse.Parquet:
		schema, rows, err := parquetRows(body)
		if err != nil {
			return err.Error()
		}
		_, columns, _ := strings.Cut(schema.String(), "\n") // the first line has a name that nothing depends on
		return fmt.Sprintf("%s%+v", columns, rows)
	}
	return string(body)
}

func readable(from io.Reader) string {
	decoded, err := io.ReadAll(from)
	if err != nil {
		return fmt.Sprint(string(decoded), err)
	}
	return string(decoded)
}

func parquetRows(body []byte) (*parquet.Schema, []parquet.Row, error) {
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, nil, err
	}
	var list []parquet.Row
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		defer rows.Close()
		for chunk := make([]parquet.Row, 1); ; {
			n, err := rows.ReadRows(chunk)
			if n > 0 {
				list = append(list, chunk[0].Clone())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return file.Schema(), list, nil
}

func letterContent(body []byte) string {
	text := ""
	for from := json.NewDecoder(bytes.NewReader(body)); ; {
		var letter warehouse.DeadLetter
		if err := from.Decode(&letter); err != nil {
			return text + err.Error()
		}
		text += fmt.Sprintf("%+v\n", letter)
	}
}
