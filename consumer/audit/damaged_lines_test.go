package audit_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/warehouse"
)

// lines changes the order and number of the lines of a link.
func (d *damager) lines(agree bool) {
	key := d.link()
	d.edit(key, func(list []string) []string {
		if len(list) == 0 {
			return list
		}
		at, other := d.IntN(len(list)), d.IntN(len(list))
		switch d.IntN(4) {
		case 0:
			list = slices.Delete(list, at, at+1)
		case 1:
			list = slices.Insert(list, other, list[at])
		case 2:
			list[at], list[other] = list[other], list[at]
		default:
			list[at] = list[other]
		}
		if agree {
			d.memory[key].metadata["records"] = strconv.Itoa(len(list))
		}
		return list
	})
}

// value changes one value in a line, such that it stays a record.
func (d *damager) value() {
	d.edit(d.link(), func(list []string) []string {
		if len(list) == 0 {
			return list
		}
		at := d.IntN(len(list))
		old := pick(d, `"call-1`, `"call-2`, "512", `"s"`, "[1]", `"7"`, `"more"`, `"session"`)
		list[at] = strings.Replace(list[at], old, pick(d, "513", `"t"`, "[2]", "null", `"8"`, "8", `"x"`), 1)
		return list
	})
}

// edit decodes the lines of a link, and encodes them again.
func (d *damager) edit(key string, change func([]string) []string) {
	body := d.memory[key].body
	_, format, _ := strings.Cut(key, ".")
	if format == string(warehouse.Parquet) {
		d.set(key, d.editRows(body, change))
		return
	}
	text := strings.Join(change(slices.Collect(strings.Lines(content(key, body)))), "")
	var out bytes.Buffer
	switch warehouse.Format(format) {
	case warehouse.NDJSONGzip:
		w := gzip.NewWriter(&out)
		w.Write([]byte(text))
		w.Close()
	case warehouse.NDJSONZstd:
		w, _ := zstd.NewWriter(nil)
		out.Write(w.EncodeAll([]byte(text), nil))
	default:
		out.WriteString(text)
	}
	d.set(key, out.Bytes())
}

// editRows is edit for Parquet. A change sees numbers for rows; a row that it changes gets another value in a column.
func (d *damager) editRows(body []byte, change func([]string) []string) []byte {
	schema, rows, err := parquetRows(body)
	if err != nil {
		return body
	}
	var names []string
	for i := range rows {
		names = append(names, fmt.Sprint(i)+`512"s"[1]"7"`)
	}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, schema) // rows, not Go values
	for _, name := range change(slices.Clone(names)) {
		i := int(name[0] - '0')
		row := rows[i].Clone()
		if name != names[i] {
			d.change(row)
		}
		w.WriteRows([]parquet.Row{row})
	}
	w.Close()
	return out.Bytes()
}

func (d *damager) change(row parquet.Row) {
	at := d.IntN(len(row))
	v, level := row[at], row[at].DefinitionLevel()
	switch v.Kind() {
	case parquet.Int32:
		v = parquet.Int32Value(v.Int32() + 1)
	case parquet.Int64:
		v = parquet.Int64Value(v.Int64() + 1)
	case parquet.ByteArray:
		v = parquet.ByteArrayValue([]byte(pick(d, `"x"`, "", "{}")))
	default:
		return // it is null
	}
	row[at] = v.Level(0, level, at)
}
