package warehouse

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/tidwall/gjson"
)

// row is the schema of Parquet objects: the event, with the types that its strings spell. The groups are those of the
// JSON, so that a query says the same for both formats ("user".user_id). A value that is no such type, or that has no
// column, goes to unknown_fields, where it stands as it came; nothing is lost but the difference between null and
// absent, and between 5 and "5".
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
			Timestamp int64  `parquet:"timestamp,optional,timestamp(millisecond)"`
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
	node     parquet.Node
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
		*at = column{index: leaf.ColumnIndex, optional: leaf.MaxDefinitionLevel, node: leaf.Node}
	}
	return root
}

// value converts a JSON value; ok is false if the column cannot say it.
func (c *column) value(v gjson.Result) (value parquet.Value, ok bool) {
	logical := c.node.Type().LogicalType()
	switch kind := c.node.Type().Kind(); {
	case logical != nil && logical.Json != nil:
		return parquet.ByteArrayValue([]byte(v.Raw)), true
	case kind == parquet.ByteArray:
		return parquet.ByteArrayValue([]byte(v.Str)), v.Type == gjson.String
	case v.Type == gjson.JSON:
		return value, false
	case kind == parquet.Boolean:
		return parquet.BooleanValue(text(v) == "true"), text(v) == "true" || text(v) == "false"
	case kind == parquet.Int32:
		n, err := strconv.ParseInt(text(v), 10, 32)
		return parquet.Int32Value(int32(n)), err == nil && strconv.FormatInt(n, 10) == text(v)
	}
	n, err := strconv.ParseInt(text(v), 10, 64)
	inRange := logical == nil || logical.Timestamp == nil || n >= firstMilli && n <= lastMilli
	return parquet.Int64Value(n), err == nil && strconv.FormatInt(n, 10) == text(v) && inRange
}

// The years 1 to 9999, in milliseconds. A timestamp outside what a reader can say ends every query that touches it.
const (
	firstMilli = -62_135_596_800_000
	lastMilli  = 253_402_300_799_999
)

func text(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Str
	}
	return v.Raw
}

// parquetEncoder makes a Parquet file of one row group, compressed with Snappy, which needs no memory (zstd would take
// 10 MiB per shard). It holds the columns of the rows so far,
// encoded, until it is closed.
type parquetEncoder struct {
	writer  *parquet.Writer //nolint:staticcheck // the generic one that should replace it is for Go values, we have columns
	columns *column
	row     parquet.Row
	unknown []byte
}

func newParquetEncoder() *parquetEncoder {
	schema := parquet.SchemaOf(row{})
	return &parquetEncoder{
		writer:  parquet.NewWriter(io.Discard, schema, parquet.Compression(&parquet.Snappy)),
		columns: columnsOf(schema),
		row:     make(parquet.Row, len(schema.Columns())),
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
	value, ok := c.value(v)
	if !ok || !e.row[c.index].IsNull() {
		return false
	}
	e.row[c.index] = value.Level(0, c.optional, c.index)
	return true
}
