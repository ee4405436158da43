package duckdb_test

import (
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// event is a record with another member.
func event(member string) string {
	return `{"event":{"super_property":{"timestamp":"1763900000123"}},"user":{"user_id":"5"},"geo_location":null,` + member + "}"
}

// oddRecords have values at the limits of what a reader can take.
func oddRecords() []string {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat("]}", n/2) }
	records := []string{event(`"a":"x"`)}
	for _, v := range []string{`"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\u0000"`, `1E400`, `-1e-400`, `1234567890123456789012345`, `-0`, nested(400), nested(9_000)} {
		records = append(records, event(`"a":`+v), strings.Replace(event(`"a":"x"`), "null", v, 1))
	}
	for _, millis := range []string{"9223372036854775807", "-9223372036854775808", "9223372036854776", "253402300799999", "-1"} {
		records = append(records, strings.Replace(event(`"a":"x"`), "1763900000123", millis, 1))
	}
	return records
}

// namesTwice are records with a name twice in one object. None of them is stored.
var namesTwice = []string{
	event(`"a":1,"a":2`), event(`"a":1,"A":2`), event(`"a":{"b":1,"b":2}`), event(`"a":{"b":1,"B":2}`), event(`"a":[{"b":1,"B":2}]`), event(`"a":[[{"b":{"c":1,"c":1}}]]`),
	event(`"a":{"b":1,"\u0042":2}`), event(`"a":{"é":1,"É":2}`), event(`"User":{"user_id":"4"}`), `{"User":{"user_id":"4"},"user":{"user_id":"5"}}`,
	`{"user":{"USER_ID":"4","user_id":"5"}}`, `{"event":{"property":{"call_id":"a","Call_ID":"b"}},"user":{"user_id":"5"}}`, `{"user":{"user_id":"5","State":{},"state":{}}}`,
}

// otherRecords are good, each by itself: names and types that no other record has.
var otherRecords = []string{
	`{"event":"text","user":{"user_id":5,"state":"text","device_segment":{}},"platform":[],"geo_location":{"a":1},"device":5,"session":true,"referral":{}}`,
	`{"event":{"property":[1,"a"]},"user":{"user_id":5,"state":[{"coins":1e400}]},"platform":"","Device":{"x":1},"unknown_fields":5}`,
	`{"EVENT":{"property":{"call_id":5}},"user":{"user_id":5,"State":{"coins":{}}},"":{"":""}}`,
	`{"event":{"Property":{"call_id":6},"property ":{},"":1},"user":{"user_id":5,"STATE":"x"}}`,
	`{"event":{"property":{"call_id":{"a":[]},"call_duration":"x"},"super_property":{"timestamp":"now"}},"user":{"user_id":5,"DEVICE_SEGMENT":"x"}}`,
}

// lines reads the records of a file.
func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// store writes a link for each of the objects, each a list of records. It returns how many records are in them; the others are
// what the consumer makes dead letters of.
func store(t *testing.T, dir string, format warehouse.Format, objects [][]string) (stored int) {
	t.Helper()
	store := newStore(dir, format)
	batch, n := store.NewBatch(), 0
	place := warehouse.Place{Shard: "shardId-000000000000", Previous: "100", Day: "2026-11-23"}
	for _, records := range objects {
		batch.Begin(place)
		for _, record := range records {
			n++
			batch.Append(sequence.Number(fmt.Sprint(100 + n)))
			line, reason := transform.Append(nil, []byte(record))
			if reason != "" {
				continue
			}
			stored++
			if err := batch.AddLine(append(line, '\n')); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Seal("2026-11-23"); err != nil {
			t.Fatal(err)
		}
		create(t, store, batch)
		place = store.Link(batch).Next()
	}
	return stored
}

var (
	querying  = regexp.MustCompile(`(?ms)^## Querying$.*?^## `)
	queries   = regexp.MustCompile(`(?ms)^ {4,}(SELECT .*?;)$`)
	views     = regexp.MustCompile(`(?ms)^CREATE OR REPLACE VIEW .*?;$`)
	extension = regexp.MustCompile(`\.(ndjson\.gz|parquet)'`)
)

// documented returns the statements for a format as they stand in the documents, with the place of the objects put in.
func documented(t *testing.T, dir string, format warehouse.Format) (statements []string) {
	t.Helper()
	read := func(file string) string {
		text, err := os.ReadFile("../../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	all := views.FindAllString(read("schema/duckdb.sql"), -1)
	for _, found := range queries.FindAllStringSubmatch(querying.FindString(read("operations.md")), -1) {
		all = append(all, found[1])
	}
	if len(all) != 7 {
		t.Fatalf("%d statements in the documents, want 2 views and 5 queries: %q", len(all), all)
	}
	for _, text := range all {
		if strings.Contains(text, ".parquet'") == (format == warehouse.Parquet) {
			text = strings.ReplaceAll(text, "<objects>", dir+"/records")
			statements = append(statements, extension.ReplaceAllString(text, "."+string(format)+"'"))
		}
	}
	return statements
}

// rows returns the rows of a query as text, in ascending order.
func rows(t *testing.T, db *sql.DB, text string) (list []string) {
	t.Helper()
	result, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer result.Close()
	columns, _ := result.Columns()
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	for result.Next() {
		if err := result.Scan(to...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	if err := result.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	slices.Sort(list)
	return list
}

// One record that a query engine cannot read makes the whole table unreadable, for as long as its object exists. So every
// record that the transformation lets pass must be readable with the documented queries, however odd it is.
//
// Before names were compared, DuckDB ended with "Duplicate name "State" in struct auto-detected" or "has duplicate key". Before
// the queries named their columns it ended with "Could not convert string 'call-1' to INT128" over last-line-differs.ndjson.
func TestNoRecordSpoilsTheTable(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	normal, spoilers := lines(t, "normal.ndjson"), lines(t, "spoilers.ndjson")
	each := func(lists ...[]string) (objects [][]string) {
		for _, record := range slices.Concat(lists...) {
			objects = append(objects, []string{record})
		}
		return objects
	}
	for name, c := range map[string]struct {
		objects [][]string
		stored  int
	}{
		"odd values":            {[][]string{oddRecords()}, 20},
		"odd values apart":      {each(oddRecords()), 20},
		"names twice":           {[][]string{slices.Concat(normal, namesTwice)}, 3},
		"spoilers":              {[][]string{slices.Concat(normal, spoilers)}, 4},
		"spoilers apart":        {each(normal, spoilers), 4},
		"spoilers first":        {each(spoilers, normal), 4},
		"other records":         {[][]string{slices.Concat(normal, otherRecords)}, 8},
		"other records apart":   {each(normal, otherRecords), 8},
		"other records first":   {each(otherRecords, normal), 8},
		"the last line differs": {append(each(lines(t, "last-line-differs.ndjson")), nil), 41},
	} {
		for _, format := range formats {
			t.Run(name+" "+string(format), func(t *testing.T) {
				dir := t.TempDir()
				if stored := store(t, dir, format, c.objects); stored != c.stored {
					t.Fatalf("%d records stored, want %d", stored, c.stored)
				}
				for _, statement := range documented(t, dir, format) {
					got := rows(t, db, statement)
					if strings.Contains(statement, "count(DISTINCT") && c.stored == 41 && !strings.HasSuffix(strings.Join(got, " "), "41") {
						t.Errorf("%s: %s, want 41 calls", statement, got)
					}
				}
				view := "records_" + strings.Split(string(format), ".")[0]
				rows(t, db, "SELECT max(COLUMNS(*)::VARCHAR) FROM "+view) // every value is looked at
				if got := query(t, db, `SELECT count(*), count("user".user_id) FROM `+view); got != fmt.Sprint(c.stored, " ", c.stored) {
					t.Errorf("%s records and users, want %d", got, c.stored)
				}
				if name == "odd values" || name == "names twice" { // these need no columns
					rows(t, db, "SELECT max(COLUMNS(*)::VARCHAR) FROM "+table(dir, format))
				}
			})
		}
	}
}

// A record's own dt does not change its partition, and can be read in both formats.
func TestDtOfARecord(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			dir := t.TempDir()
			store(t, dir, format, [][]string{{`{"dt":"mine","user":{"user_id":"1"}}`, `{"user":{"user_id":"2"}}`}, {`{"DT":{"a":1},"user":{"user_id":"3"}}`}})
			own := ""
			for _, statement := range documented(t, dir, format) {
				got := rows(t, db, statement)
				if strings.Contains(statement, "$.dt") || strings.Contains(statement, "dt->>") {
					own = strings.Join(got, ";")
				}
			}
			if own != "mine 1" {
				t.Errorf("the records' own dt: %q, want that of user 1", own)
			}
			got := query(t, db, "SELECT min(dt)::VARCHAR, max(dt)::VARCHAR, count(*) FROM records_"+strings.Split(string(format), ".")[0])
			if got != "2026-11-23 2026-11-23 3" {
				t.Errorf("partitions and records: %s", got)
			}
		})
	}
}
