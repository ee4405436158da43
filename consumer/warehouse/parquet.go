package warehouse

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
)

// row is the schema of Parquet objects: the event, with the types that its strings spell. The groups are those of the
// JSON, so a query names a field alike in both formats ("user".user_id). A value without a column, or of another type
// than its column, stands in unknown_fields as it came. Nothing is lost but the difference between null and absent, and
// between 5 and "5".
type row struct {
	Event struct {
		Property struct {
			CallID       string `parquet:"call_id,optional"`
			CallDuration int32  `parquet:"call_duration,optional"` // seconds
			CallStatus   string `parquet:"call_status,optional,dict"`
		} `parquet:"property"`
		SuperProperty struct {
			Source    string `parquet:"source,optional,dict"`
			Type      string `parquet:"type,optional,dict"`
			Producer  string `parquet:"producer,optional,dict"`
			Name      string `parquet:"name,optional,dict"`
			Timestamp int64  `parquet:"timestamp,optional,timestamp(millisecond:utc)"`
		} `parquet:"super_property"`
	} `parquet:"event"`
	User struct {
		UserID int64 `parquet:"user_id"`
		State  struct {
			Coins        int64  `parquet:"coins,optional"`
			IsLoggedIn   bool   `parquet:"is_logged_in,optional"`
			Language     string `parquet:"language,optional,dict"`
			LanguageMode string `parquet:"language_mode,optional,dict"`
			CountryCode  string `parquet:"country_code,optional,dict"`
			TZ           string `parquet:"tz,optional,dict"`
		} `parquet:"state"`
		DeviceSegment int32 `parquet:"device_segment,optional"`
	} `parquet:"user"`
	Platform struct {
		Version struct {
			Integer int32  `parquet:"integer,optional"`
			String  string `parquet:"string,optional,dict"`
		} `parquet:"version"`
		Code string `parquet:"code,optional,dict"`
		Type string `parquet:"type,optional,dict"`
	} `parquet:"platform"`
	GeoLocation json.RawMessage `parquet:"geo_location,optional,json"`
	Device      struct {
		AID   string `parquet:"a_id,optional"`
		State struct {
			IsBackground   bool `parquet:"is_background,optional"`
			IsOnline       bool `parquet:"is_online,optional"`
			IsPlayingMusic bool `parquet:"is_playing_music,optional"`
		} `parquet:"state"`
		Hardware struct {
			ModelName string `parquet:"model_name,optional,dict"`
			BrandName string `parquet:"brand_name,optional,dict"`
			Type      string `parquet:"type,optional,dict"`
		} `parquet:"hardware"`
		Software struct {
			Mobile struct {
				Version string `parquet:"version,optional,dict"`
				Name    string `parquet:"name,optional,dict"`
			} `parquet:"mobile"`
			Web json.RawMessage `parquet:"web,optional,json"`
		} `parquet:"software"`
		IP struct {
			IPv4 string `parquet:"ipv4,optional"`
			IPv6 string `parquet:"ipv6,optional"`
		} `parquet:"ip"`
		SystemLanguage string `parquet:"system_language,optional,dict"`
		SystemID       string `parquet:"system_id,optional"`
	} `parquet:"device"`
	Session struct {
		Number int32  `parquet:"number,optional"`
		ID     string `parquet:"id,optional"`
	} `parquet:"session"`
	Referral struct {
		UserID   int64  `parquet:"user_id,optional"`
		UserCode string `parquet:"user_code,optional"`
	} `parquet:"referral"`
	UnknownFields json.RawMessage `parquet:"unknown_fields,optional,json"`
}

const unknownFields = "unknown_fields"

// column is a leaf of the schema, or a group if it has members.
type column struct {
	index    int
	optional int // definition level of a value
	convert  conversion
	members  map[string]*column
}

// columnsOf indexes a schema by its names.
func columnsOf(schema *parquet.Schema) *column {
	root := &column{members: map[string]*column{}}
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		at := root
		for _, name := range path {
			if at.members[name] == nil {
				at.members[name] = &column{members: map[string]*column{}}
			}
			at = at.members[name]
		}
		*at = column{index: leaf.ColumnIndex, optional: leaf.MaxDefinitionLevel, convert: conversionTo(leaf.Node.Type())}
	}
	return root
}

// conversion makes a column's value of a JSON value; ok is false if the column's type has no such value.
type conversion func(gjson.Result) (value parquet.Value, ok bool)

func conversionTo(column parquet.Type) conversion {
	switch logicalOf(column).(type) {
	case *format.JsonType:
		return toJSON
	case *format.TimestampType:
		return toTimestamp
	}
	switch column.Kind() {
	case parquet.ByteArray:
		return toString
	case parquet.Boolean:
		return toBoolean
	case parquet.Int32:
		return toInt32
	default:
		return toInt64
	}
}

func logicalOf(column parquet.Type) format.LogicalTypeValue {
	if logical := column.LogicalType(); logical != nil {
		return logical.Value
	}
	return nil
}

func toJSON(v gjson.Result) (parquet.Value, bool) {
	return parquet.ByteArrayValue([]byte(v.Raw)), true
}

func toString(v gjson.Result) (parquet.Value, bool) {
	return parquet.ByteArrayValue([]byte(v.Str)), v.Type == gjson.String
}

func toBoolean(v gjson.Result) (parquet.Value, bool) {
	text := event.Text(v)
	return parquet.BooleanValue(text == "true"), text == "true" || text == "false"
}

func toInt32(v gjson.Result) (parquet.Value, bool) {
	n, ok := integer(v, 32)
	return parquet.Int32Value(int32(n)), ok
}

func toInt64(v gjson.Result) (parquet.Value, bool) {
	n, ok := integer(v, 64)
	return parquet.Int64Value(n), ok
}

// The years 1 to 9999, in milliseconds. A timestamp beyond what a reader can show ends every query that touches it.
const (
	firstMilli = -62_135_596_800_000
	lastMilli  = 253_402_300_799_999
)

func toTimestamp(v gjson.Result) (parquet.Value, bool) {
	n, ok := integer(v, 64)
	return parquet.Int64Value(n), ok && n >= firstMilli && n <= lastMilli
}

// integer reads a number that is written as the column would write it again: no sign before it, no leading zeros.
func integer(v gjson.Result, bits int) (n int64, ok bool) {
	text := event.Text(v)
	n, err := strconv.ParseInt(text, 10, bits)
	return n, err == nil && strconv.FormatInt(n, 10) == text
}

// parquetEncoder makes a Parquet file of one row group. It holds the columns of the rows so far, encoded, until it is
// closed. They are compressed with Snappy, which needs no memory; zstd would take 10 MiB per shard.
//
// The files use what every reader has: data pages of version 1, PLAIN values, dictionaries (RLE_DICTIONARY), levels in RLE.
// parquet-go would choose pages of version 2, and DELTA_LENGTH_BYTE_ARRAY for texts. Spark's vectorized reader has the delta
// encodings since 3.3 only; Athena's and Trino's readers had them late, too, and readers of the Hive kind differ over pages
// of version 2. A reader that lacks one fails in the middle of a query. For call events the choice costs 6 % of size.
//
// A timestamp is INT64 in milliseconds, adjusted to UTC. It has the logical type and the older converted type
// (TIMESTAMP_MILLIS), so all of them read a point in time. INT96 is deprecated, and few read nanoseconds. A column of JSON
// is BYTE_ARRAY with the logical type JSON: Spark, Trino and Athena read it as text, DuckDB as JSON.
type parquetEncoder struct {
	writer  *parquet.GenericWriter[row]
	columns *column
	row     parquet.Row
	unknown []byte
}

func newParquetEncoder() *parquetEncoder {
	writer := parquet.NewGenericWriter[row](io.Discard, parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain))
	return &parquetEncoder{
		writer:  writer,
		columns: columnsOf(writer.Schema()),
		row:     make(parquet.Row, len(writer.Schema().Columns())),
	}
}

func (e *parquetEncoder) Reset(w io.Writer) { e.writer.Reset(w) }
func (e *parquetEncoder) Close() error      { return e.writer.Close() }

// Write adds a line, an accepted record, as a row.
func (e *parquetEncoder) Write(line []byte) (int, error) {
	for i := range e.row {
		e.row[i] = parquet.NullValue().Level(0, 0, i)
	}
	e.unknown = e.object(e.unknown[:0], e.columns, gjson.ParseBytes(line))
	if len(e.unknown) > len("{}") {
		c := e.columns.members[unknownFields]
		e.row[c.index] = parquet.ByteArrayValue(e.unknown).Level(0, c.optional, c.index)
	}
	if _, err := e.writer.WriteRows([]parquet.Row{e.row}); err != nil {
		return 0, err
	}
	return len(line), nil
}

// object sets the columns of a group and appends the JSON object of everything that has none.
func (e *parquetEncoder) object(unknown []byte, group *column, object gjson.Result) []byte {
	unknown = append(unknown, '{')
	start := len(unknown)
	object.ForEach(func(key, value gjson.Result) bool {
		before := len(unknown)
		if len(unknown) > start {
			unknown = append(unknown, ',')
		}
		unknown = append(append(unknown, key.Raw...), ':')
		member := group.members[key.Str]
		switch {
		case member != nil && member.members != nil && value.IsObject():
			inner := len(unknown)
			if unknown = e.object(unknown, member, value); len(unknown) == inner+len("{}") {
				unknown = unknown[:before]
			}
		case member != nil && member.members == nil && key.Str != unknownFields && e.set(member, value):
			unknown = unknown[:before]
		default:
			unknown = append(unknown, value.Raw...)
		}
		return true
	})
	return append(unknown, '}')
}

// set puts a value into its column, unless the column has one already: a name may stand twice in an object.
func (e *parquetEncoder) set(c *column, v gjson.Result) bool {
	if v.Type == gjson.Null {
		return true
	}
	value, ok := c.convert(v)
	if !ok || !e.row[c.index].IsNull() {
		return false
	}
	e.row[c.index] = value.Level(0, c.optional, c.index)
	return true
}
