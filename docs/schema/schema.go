// Package schema writes the files beside it: how DuckDB, Athena and Spark name the columns of a warehouse. The one source
// is the schema of Parquet objects, [warehouse.Schema].
//
// A query that names its columns cannot be ended by a record that has other names, or the same in another case. In
// NDJSON a value may also be of another type than usual. So each column there is the JSON of one member of the record, as
// text; user is a struct, because every record has a user object, and user.user_id is an integer in each. In Parquet a
// column has its type, and unknown_fields holds the rest.
//
// After a change of the columns: go test ./docs/schema -update
package schema

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/warehouse"
)

// Files returns the text of each file.
func Files() map[string]string {
	return map[string]string{"duckdb.sql": duckDB(), "athena.sql": athena(), "spark.sql": spark()}
}

// dialect is how an engine writes a type.
type dialect struct {
	structure string    // of a struct with %s for its fields
	field     string    // %s for its name and %s for its type
	text      string    // any JSON
	types     [5]string // of Parquet columns: boolean, 32 bits, 64 bits, timestamp, text
}

var (
	duckTypes   = dialect{structure: "STRUCT(%s)", field: "%s %s", text: "JSON", types: [5]string{2: "BIGINT"}}
	athenaTypes = dialect{"struct<%s>", "`%s`:%s", "string", [5]string{"boolean", "int", "bigint", "timestamp", "string"}}
	sparkTypes  = dialect{"STRUCT<%s>", "`%s`: %s", "STRING", [5]string{"BOOLEAN", "INT", "BIGINT", "TIMESTAMP", "STRING"}}
)

// column writes one column of a table; %s stands for its name and its type.
func column(list []string, form, name, kind string) []string {
	return append(list, fmt.Sprintf("    "+form, name, kind))
}

// ndjson returns the columns of NDJSON objects.
func ndjson(d dialect, form string) (list []string) {
	for _, member := range warehouse.Schema().Fields() {
		switch member.Name() {
		case "unknown_fields": // only in Parquet
		case "user":
			fields := []string{}
			for _, f := range member.Fields() {
				kind := d.text
				if f.Name() == "user_id" {
					kind = d.types[2]
				}
				fields = append(fields, fmt.Sprintf(d.field, f.Name(), kind))
			}
			list = column(list, form, "user", fmt.Sprintf(d.structure, strings.Join(fields, ", ")))
		default:
			list = column(list, form, member.Name(), d.text)
		}
	}
	return list
}

// columnar returns the columns of Parquet objects.
func columnar(d dialect, form string) (list []string) {
	for _, member := range warehouse.Schema().Fields() {
		list = column(list, form, member.Name(), d.typeOf(member))
	}
	return list
}

func (d dialect) typeOf(node parquet.Node) string {
	if !node.Leaf() {
		var fields []string
		for _, f := range node.Fields() {
			fields = append(fields, fmt.Sprintf(d.field, f.Name(), d.typeOf(f)))
		}
		return fmt.Sprintf(d.structure, strings.Join(fields, ", "))
	}
	kind := node.Type()
	if logical := kind.LogicalType(); logical != nil && strings.HasPrefix(logical.String(), "TIMESTAMP") {
		return d.types[3]
	}
	switch kind.Kind() {
	case parquet.Boolean:
		return d.types[0]
	case parquet.Int32:
		return d.types[1]
	case parquet.Int64:
		return d.types[2]
	}
	return d.types[4]
}

const generated = "-- Made by package schema from the columns of the warehouse; do not edit.\n"

func join(columns []string) string { return strings.Join(columns, ",\n") }

func duckDB() string {
	return generated + `CREATE OR REPLACE VIEW records_ndjson AS SELECT * FROM read_json('<objects>/dt=*/*.ndjson.gz',
  format = 'newline_delimited', hive_partitioning = true, columns = {
` + join(ndjson(duckTypes, `"%s": '%s'`)) + `
  });

CREATE OR REPLACE VIEW records_parquet AS SELECT * FROM
  read_parquet('<objects>/dt=*/*.parquet', hive_partitioning = true, union_by_name = true);
`
}

func athena() string {
	const head, tail = "CREATE EXTERNAL TABLE records_%s (\n%s\n)\nPARTITIONED BY (`dt` string)\n%s\nLOCATION '<objects>/';\n\n", "MSCK REPAIR TABLE records_%s;\n"
	table := func(format string, columns []string, rows string) string {
		return fmt.Sprintf(head, format, join(columns), rows) + fmt.Sprintf(tail, format)
	}
	return generated + "-- <objects> is s3://bucket/prefix. MSCK REPAIR TABLE finds the partitions: again each day.\n" +
		table("ndjson", ndjson(athenaTypes, "`%s` %s"), "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'") + "\n" +
		table("parquet", columnar(athenaTypes, "`%s` %s"), "STORED AS PARQUET")
}

func spark() string {
	const form = "CREATE TABLE records_%s (\n%s,\n    `dt` DATE\n)\nUSING %s\nPARTITIONED BY (dt)\nLOCATION '<objects>/';\n\nMSCK REPAIR TABLE records_%[1]s;\n"
	return generated + "-- <objects> is s3a://bucket/prefix. MSCK REPAIR TABLE finds the partitions: again each day.\n" +
		fmt.Sprintf(form, "ndjson", join(ndjson(sparkTypes, "`%s` %s")), "json") + "\n" +
		fmt.Sprintf(form, "parquet", join(columnar(sparkTypes, "`%s` %s")), "parquet")
}
