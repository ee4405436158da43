// Package duckdb_test reads a warehouse the way its users do, with a query engine.
package duckdb_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// folder is a bucket whose objects are files.
type folder string

func (f folder) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	path := filepath.Join(string(f), *in.Key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{}, os.WriteFile(path, body, 0o644)
}

func (folder) HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusNotFound}}}}
}

func (folder) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{}, nil
}

// create makes the batch a link.
func create(t *testing.T, store *warehouse.Store, batch *warehouse.Batch) {
	t.Helper()
	if outcome, err := store.Create(t.Context(), time.Now().Add(time.Hour), batch); outcome != warehouse.Done {
		t.Fatalf("%s: %v", outcome, err)
	}
}

func newStore(dir string, format warehouse.Format) *warehouse.Store {
	return warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "stream", Writer: "w", Format: format, Timeout: time.Second,
		Location: warehouse.Location{Bucket: "b", Prefix: "records/"}, ErrorsPrefix: "errors/",
	}, folder(dir), warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(logrus.New()))
}

// table is how a query names the files of a format.
func table(dir string, format warehouse.Format) string {
	files := fmt.Sprintf("'%s/records/*/*.%s', hive_partitioning = true", dir, format)
	if format == warehouse.Parquet {
		return "read_parquet(" + files + ")"
	}
	return "read_json(" + files + ", format = 'newline_delimited')"
}

var formats = []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet}

// write makes a chain of three links: one without records, and two days of records.
func write(t *testing.T, dir string, format warehouse.Format) {
	t.Helper()
	store := newStore(dir, format)
	place := warehouse.Place{Shard: "shardId-000000000000", Previous: "100", Day: warehouse.FirstDay}
	batch, n := store.NewBatch(), 0
	for _, link := range []struct {
		records int
		nextDay string
	}{{0, "2026-11-23"}, {40, "2026-11-24"}, {2, "2026-11-24"}} {
		batch.Begin(place)
		for range link.records {
			n++
			batch.Append(sequence.Number(fmt.Sprint(100 + n)))
			line := fmt.Sprintf(`{"event":{"property":{"call_id":"c%d","call_duration":"%d"},"super_property":{"timestamp":"1763900000123"}},`+
				`"user":{"user_id":%d,"state":{"coins":"50","is_logged_in":"true"}},"geo_location":null,"new":{"x":%d}}`+"\n", n, n, 1000+n, n)
			if err := batch.AddLine([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Seal(link.nextDay); err != nil {
			t.Fatal(err)
		}
		create(t, store, batch)
		place = store.Link(batch).Next()
	}
}

// query returns the only row of a query, its values side by side.
func query(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("%s: no row, %v", text, err)
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	if err := rows.Scan(to...); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintln(values...))
}

func TestDuckDBReadsEveryFormat(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Log("without time zones:", err) // they are an extension, which may not be built in
	}
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, format)
			table, isParquet := table(dir, format), format == warehouse.Parquet
			got := query(t, db, `SELECT count(*), count(DISTINCT event.property.call_id), sum("user".user_id)::BIGINT, typeof(any_value("user".user_id)) FROM `+table)
			if want := "42 42 42903 BIGINT"; got != want {
				t.Errorf("records, calls, sum and type of user_id: %s, want %s", got, want)
			}
			if got := query(t, db, `SELECT count(*), max(event.property.call_id) FROM `+table+` WHERE dt = '2026-11-24'`); got != "2 c42" {
				t.Errorf("the second day has %s, want 2 c42", got)
			}
			if !isParquet {
				return
			}
			got = query(t, db, `SELECT typeof(any_value(event.super_property.timestamp)), epoch_ms(max(event.super_property.timestamp)), `+
				`typeof(any_value(event.property.call_duration)), sum(event.property.call_duration)::BIGINT, `+
				`typeof(any_value("user".state.is_logged_in)), count(geo_location), sum((unknown_fields->>'$.new.x')::INT)::BIGINT FROM `+table)
			if want := "TIMESTAMP WITH TIME ZONE 1763900000123 INTEGER 903 BOOLEAN 0 903"; got != want {
				t.Errorf("types and values: %s, want %s", got, want)
			}
		})
	}
}
