package audit_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
)

// parquetWorld is one Parquet link, as the consumer makes it, and its stream.
type parquetWorld struct {
	memory  memory
	key     string
	records []string
}

func newParquetWorld(t *testing.T, records ...string) *parquetWorld {
	t.Helper()
	w := &parquetWorld{memory: memory{}, records: records}
	store := warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "arn:stream@1", Writer: "w", Location: warehouse.Location{Bucket: "calls", Prefix: "records/"},
		ErrorsPrefix: "errors/", Format: warehouse.Parquet, Timeout: time.Second,
	}, w.memory, warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(logrus.New()))
	b := store.NewBatch()
	commit := func(place warehouse.Place, records ...string) warehouse.Link {
		b.Begin(place)
		for i, record := range records {
			b.Append(number(101 + i))
			line, reason := transform.Append(nil, []byte(record))
			if reason != "" {
				t.Fatalf("%s: %s", record, reason)
			}
			if err := b.AddLine(append(line, '\n')); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Seal("2026-11-24"); err != nil {
			t.Fatal(err)
		}
		if outcome, err := store.Create(t.Context(), time.Now().Add(time.Hour), b); outcome != warehouse.Done {
			t.Fatal(err)
		}
		return store.Link(b)
	}
	first := commit(warehouse.Place{Shard: firstShard, Previous: "100", Day: warehouse.FirstDay})
	w.key = commit(first.Next(), records...).Key()
	return w
}

func (w *parquetWorld) verify(t *testing.T) audit.Report {
	t.Helper()
	s := stream{1, len(w.records)}.source()
	s.read[secondShard] = s.newest
	s.record = func(n int) audit.Record { return audit.Record{Number: number(n), Data: []byte(w.records[n-101])} }
	r, err := audit.Run(t.Context(), w.memory, audit.Config{
		Links: []warehouse.Location{{Bucket: "calls", Prefix: "records/"}}, Source: s,
		Table: &audit.Table{Application: "app", Stream: "arn:stream@1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rewrite changes the rows of the link.
func (w *parquetWorld) rewrite(t *testing.T, change func(parquet.Row)) {
	t.Helper()
	schema, rows, err := parquetRows(w.memory[w.key].body)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to := parquet.NewWriter(&out, schema) // rows, not Go values
	for _, row := range rows {
		change(row)
	}
	if _, err := to.WriteRows(rows); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	w.memory[w.key] = stored{out.Bytes(), w.memory[w.key].metadata}
}

// fullRecord has a value for every column.
func fullRecord(t *testing.T) string {
	t.Helper()
	record := map[string]any{}
	for _, c := range reference.Columns {
		at := record
		for _, name := range c.Path[:len(c.Path)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		at[c.Path[len(c.Path)-1]] = map[reference.Type]any{
			reference.Text: "a", reference.JSON: []int{1}, reference.Int32: "1", reference.Int64: 2, reference.Millis: "3", reference.Boolean: true,
		}[c.Type]
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A page that says 2 rows where there are 3 was read as 3 by the audit, and as 2 by readers that ask for one at a time.
func TestPagesWithFewerRowsThanTheirGroup(t *testing.T) {
	w := newParquetWorld(t, `{"event":{"property":{"call_id":"a"}},"user":{"user_id":"7"}}`, `{"event":{"property":{"call_id":"b"}},"user":{"user_id":"7"}}`, `{"event":{"property":{"call_id":"c"}},"user":{"user_id":"7"}}`)
	pages := 0
	for i := 0; i < len(w.memory[w.key].body); i += 13 { // there are 40 pages; this finds some of them
		damaged := bytes.Clone(w.memory[w.key].body)
		damaged[i] ^= 2 // 3 becomes 2, zigzag-encoded
		if !shorter(damaged) {
			continue
		}
		pages++
		broken := &parquetWorld{memory: maps.Clone(w.memory), key: w.key, records: w.records}
		broken.memory[w.key] = stored{damaged, w.memory[w.key].metadata}
		if r := broken.verify(t); r.Verdict == audit.Well {
			t.Errorf("byte %d passes", i)
		}
	}
	if pages == 0 {
		t.Error("no page was damaged")
	}
}

// shorter reports whether a Parquet object of three rows can be read, and has two then.
func shorter(body []byte) (shorter bool) {
	defer func() { _ = recover() }()
	_, rows, err := parquetRows(body)
	return err == nil && len(rows) == 2
}

// Only the call_id was compared before.
func TestEveryColumnIsComparedWithTheStream(t *testing.T) {
	sound := newParquetWorld(t, fullRecord(t))
	if r := sound.verify(t); r.Verdict != audit.Well {
		t.Fatalf("%s, %v", r.Verdict, r.Details)
	}
	for i, column := range reference.Columns {
		name := strings.Join(column.Path, ".")
		for _, null := range []bool{false, true} {
			if null && column.Required {
				continue
			}
			w := newParquetWorld(t, fullRecord(t))
			w.rewrite(t, func(row parquet.Row) {
				if row[i].IsNull() {
					t.Fatalf("%s has no value", name)
				}
				row[i] = other(row[i], null)
			})
			r := w.verify(t)
			if found := r.Faults[audit.Altered] + r.Faults[audit.Lost]; r.Verdict != audit.Faulty || found != 1 {
				t.Errorf("%s (null: %t): %s, %v", name, null, r.Verdict, r.Details)
			}
		}
	}
}

// other is another value of the same column.
func other(v parquet.Value, null bool) parquet.Value {
	at, level := v.Column(), v.DefinitionLevel()
	if null {
		return parquet.NullValue().Level(0, level-1, at)
	}
	switch v.Kind() {
	case parquet.Boolean:
		v = parquet.BooleanValue(!v.Boolean())
	case parquet.Int32:
		v = parquet.Int32Value(v.Int32() + 1)
	case parquet.Int64:
		v = parquet.Int64Value(v.Int64() + 1)
	default:
		v = parquet.ByteArrayValue([]byte(`"b"`))
	}
	return v.Level(0, level, at)
}

// A file with the same values in columns of other names or types is no file of ours.
func TestColumnsHaveTheirTypes(t *testing.T) {
	type few struct {
		UserID int64 `parquet:"user_id"`
	}
	for name, body := range map[string]func() []byte{
		"other columns": func() []byte {
			var out bytes.Buffer
			to := parquet.NewGenericWriter[few](&out)
			if _, err := to.Write([]few{{5}}); err != nil {
				t.Fatal(err)
			}
			if err := to.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		},
		"no Parquet": func() []byte { return []byte("PAR1hello") },
		"nothing":    func() []byte { return nil },
	} {
		w := newParquetWorld(t, fullRecord(t))
		w.memory[w.key] = stored{body(), w.memory[w.key].metadata}
		if r := w.verify(t); r.Faults[audit.Unreadable] != 1 {
			t.Errorf("%s: %v", name, r.Details)
		}
	}
	for _, column := range reference.Columns { // one after the other has another type, in a file without rows
		w := newParquetWorld(t, fullRecord(t))
		schema, _, err := parquetRows(w.memory[w.key].body)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := parquet.NewWriter(&out, parquet.NewSchema("row", retyped(schema, column.Path))).Close(); err != nil {
			t.Fatal(err)
		}
		w.memory[w.key] = stored{out.Bytes(), w.memory[w.key].metadata}
		if r := w.verify(t); r.Faults[audit.Unreadable] != 1 || !strings.Contains(r.Details[0], strings.Join(column.Path, ".")) {
			t.Errorf("%v: %v", column.Path, r.Details)
		}
	}
}

// retyped is a schema in which one column has another type.
func retyped(node parquet.Node, path []string) parquet.Node {
	if len(path) > 0 {
		group := parquet.Group{}
		for _, field := range node.Fields() {
			group[field.Name()] = field
			if field.Name() == path[0] {
				group[field.Name()] = retyped(field, path[1:])
			}
		}
		return group
	}
	leaf := parquet.Leaf(parquet.ByteArrayType)
	switch kind := node.Type().Kind(); {
	case kind == parquet.Boolean, kind == parquet.Int64:
		leaf = parquet.Leaf(parquet.Int32Type)
	case kind == parquet.Int32:
		leaf = parquet.Leaf(parquet.Int64Type)
	}
	if node.Optional() {
		return parquet.Optional(leaf)
	}
	return leaf
}

// Both implementations make the same rows: with every string of the tests of the other one as a record, and as a value
// in columns of all types.
func TestRowsAgreeOverTheTestsOfTheConsumer(t *testing.T) {
	records := []string{fullRecord(t)}
	for _, path := range []string{"../warehouse/parquet_test.go", "../transform/transform_test.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				records = append(records, text, strings.Replace(text, "{", `{"user":{"user_id":"5"},`, 1), strings.ReplaceAll(`{"user":{"user_id":"5",
					"state":{"coins":T,"tz":T,"is_logged_in":T}},"session":{"number":T},"event":{"super_property":{"timestamp":T}},
					"geo_location":T,"x":{"y":[T]},"unknown_fields":T,"device":T}`, "T", text))
			}
			return true
		})
	}
	records = slices.DeleteFunc(records, func(record string) bool {
		_, reason := transform.Append(nil, []byte(record))
		return reason != ""
	})
	if len(records) < 100 {
		t.Fatalf("only %d records", len(records))
	}
	if r := newParquetWorld(t, records...).verify(t); !r.OK() || r.Compared != 1 {
		t.Errorf("%v", r.Details)
	}
}
