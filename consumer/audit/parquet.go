package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/shared/event"
)

// maxFile is more than a Parquet object can have: a consumer holds it in memory before it writes it.
const maxFile = 256 << 20

// readRows adds the rows of a Parquet object as lines. The library panics over some broken files.
func (o *object) readRows(body io.Reader, seed maphash.Seed) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("broken Parquet: %v", broken)
		}
	}()
	content, err := io.ReadAll(io.LimitReader(body, maxFile)) // the footer, which says where everything is, comes last
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	places, err := columnsOf(file.Schema())
	if err != nil {
		return err
	}
	for _, group := range file.RowGroups() {
		if err := o.readGroup(group, places, seed); err != nil {
			return err
		}
	}
	return nil
}

func (o *object) readGroup(group parquet.RowGroup, places []int, seed maphash.Seed) error {
	for _, column := range group.ColumnChunks() {
		if err := complete(column, group.NumRows()); err != nil {
			return err
		}
	}
	rows := group.Rows()
	defer rows.Close()
	cells := make([]reference.Cell, len(places))
	for chunk := make([]parquet.Row, 256); ; {
		n, err := rows.ReadRows(chunk)
		for _, row := range chunk[:n] {
			clear(cells)
			for _, value := range row {
				if !value.IsNull() {
					cells[places[value.Column()]] = reference.Cell{Set: true, Text: spell(value)}
				}
			}
			o.lines = append(o.lines, line{call: cellsCall(cells, seed), text: cellsHash(cells, seed)})
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// complete checks that the pages of a column have as many rows as its group. The library reads rows of columns that
// differ in length, as many as it is asked for at once.
func complete(column parquet.ColumnChunk, want int64) error {
	pages := column.Pages()
	defer pages.Close()
	for rows := int64(0); ; {
		page, err := pages.ReadPage()
		switch {
		case errors.Is(err, io.EOF) && rows != want:
			return fmt.Errorf("column %d has %d rows, want %d", column.Column(), rows, want)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		rows += page.NumRows()
		parquet.Release(page)
	}
}

// columnsOf returns the place in [reference.Columns] of each column of a file. Any other column is an error, and so
// is one that is missing or of another type.
func columnsOf(schema *parquet.Schema) ([]int, error) {
	found := schema.Columns()
	if len(found) != len(reference.Columns) {
		return nil, fmt.Errorf("%d columns, want %d", len(found), len(reference.Columns))
	}
	places := make([]int, len(found))
	for i, want := range reference.Columns {
		leaf, ok := schema.Lookup(want.Path...)
		if !ok || !leaf.Node.Leaf() {
			return nil, fmt.Errorf("no column %s", strings.Join(want.Path, "."))
		}
		optional := 1
		if want.Required {
			optional = 0
		}
		if kind := typeOf(leaf.Node.Type()); kind != want.Type || leaf.MaxDefinitionLevel != optional || leaf.MaxRepetitionLevel != 0 {
			return nil, fmt.Errorf("column %s is %s, defined %d times, repeated %d times; want %s, %d, 0",
				strings.Join(want.Path, "."), leaf.Node.Type(), leaf.MaxDefinitionLevel, leaf.MaxRepetitionLevel, want.Type, optional)
		}
		places[leaf.ColumnIndex] = i
	}
	return places, nil
}

// columnTypes are what a column of each type looks like: physical and logical type.
var columnTypes = map[string]reference.Type{
	"BOOLEAN": reference.Boolean,
	"INT32":   reference.Int32, "INT32 INT(32,true)": reference.Int32,
	"INT64": reference.Int64, "INT64 INT(64,true)": reference.Int64,
	"INT64 TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)": reference.Millis,
	"BYTE_ARRAY STRING": reference.Text,
	"BYTE_ARRAY JSON":   reference.JSON,
}

// typeOf is empty for every type that no column should have.
func typeOf(t parquet.Type) reference.Type {
	name := t.Kind().String()
	if logical := t.LogicalType(); logical != nil {
		name += " " + logical.String()
	}
	return columnTypes[name]
}

func spell(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	}
	return string(v.ByteArray())
}

// cellsHash is the hash of a whole row.
func cellsHash(cells []reference.Cell, seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var length [8]byte
	for _, cell := range cells {
		binary.LittleEndian.PutUint64(length[:], uint64(len(cell.Text)))
		if !cell.Set {
			length[7] = 1 // no text is as long
		}
		h.Write(length[:])
		h.WriteString(cell.Text)
	}
	return h.Sum64()
}

// callColumn is the column of the call_id.
var callColumn = slices.IndexFunc(reference.Columns, func(c reference.Column) bool {
	return strings.Join(c.Path, ".") == event.CallIDPath
})

// cellsCall is the hash of a row's call_id, 0 if it has none.
func cellsCall(cells []reference.Cell, seed maphash.Seed) uint64 {
	if id := cells[callColumn]; id.Text != "" {
		return hashOf(id.Text, seed)
	}
	return 0
}
