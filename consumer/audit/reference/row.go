package reference

import (
	"strings"
	"time"
)

// Type is what a column holds.
type Type string

const (
	Text    Type = "text"
	JSON    Type = "json" // any JSON, as it is written
	Int32   Type = "int32"
	Int64   Type = "int64"
	Millis  Type = "timestamp" // milliseconds since 1970, UTC, in the years 1 to 9999
	Boolean Type = "boolean"
)

// Column is one column of a Parquet object. All but one are optional.
type Column struct {
	Path     []string
	Type     Type
	Required bool
}

// unknownFields is the column of what no other column can hold.
const unknownFields = "unknown_fields"

// Columns are all columns of a Parquet object.
var Columns = columns(`
	event.property.call_id             text
	event.property.call_duration       int32
	event.property.call_status         text
	event.super_property.source        text
	event.super_property.type          text
	event.super_property.producer      text
	event.super_property.name          text
	event.super_property.timestamp     timestamp
	user.user_id                       int64 required
	user.state.coins                   int64
	user.state.is_logged_in            boolean
	user.state.language                text
	user.state.language_mode           text
	user.state.country_code            text
	user.state.tz                      text
	user.device_segment                int32
	platform.version.integer           int32
	platform.version.string            text
	platform.code                      text
	platform.type                      text
	geo_location                       json
	device.a_id                        text
	device.state.is_background         boolean
	device.state.is_online             boolean
	device.state.is_playing_music      boolean
	device.hardware.model_name         text
	device.hardware.brand_name         text
	device.hardware.type               text
	device.software.mobile.version     text
	device.software.mobile.name        text
	device.software.web                json
	device.ip.ipv4                     text
	device.ip.ipv6                     text
	device.system_language             text
	device.system_id                   text
	session.number                     int32
	session.id                         text
	referral.user_id                   int64
	referral.user_code                 text
	unknown_fields                     json`)

func columns(table string) (list []Column) {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		words := strings.Fields(line)
		list = append(list, Column{Path: strings.Split(words[0], "."), Type: Type(words[1]), Required: len(words) > 2})
	}
	return list
}

// Cell is the value of a column in a row. The zero value is null.
type Cell struct {
	Set  bool
	Text string // numbers in decimal, a boolean as true or false
}

// separator is between the names of a path. No name has it: it is not UTF-8.
const separator = "\xff"

// index finds a column by its path.
var index, groups = func() (map[string]int, map[string]bool) {
	index, groups := map[string]int{}, map[string]bool{}
	for i, c := range Columns {
		for n := range c.Path {
			groups[strings.Join(c.Path[:n], separator)] = true
		}
		index[strings.Join(c.Path, separator)] = i
	}
	return index, groups
}()

// Row returns the cells that a line of [Line] should become, in the order of [Columns].
func Row(line []byte) []Cell {
	row := make([]Cell, len(Columns))
	if unknown := fill(row, "", line); unknown != "{}" {
		row[index[unknownFields]] = Cell{true, unknown}
	}
	return row
}

// fill sets the cells of the members of an object at path. It returns the object without them.
func fill(row []Cell, path string, object []byte) (unknown string) {
	var kept []string
	for _, m := range members(object) {
		at := strings.TrimPrefix(path+separator+m.name, separator)
		rest := string(m.value)
		if i, ok := index[at]; ok && at != unknownFields {
			if string(m.value) == "null" || set(&row[i], Columns[i].Type, m.value) {
				continue
			}
		} else if groups[at] && m.value[0] == '{' {
			if rest = fill(row, at, m.value); rest == "{}" {
				continue
			}
		}
		kept = append(kept, string(m.written)+":"+rest)
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// set puts a value into an empty cell, if it is of the type.
func set(cell *Cell, kind Type, value []byte) bool {
	spelled := text(value)
	if cell.Set || !holds(kind, value, spelled) {
		return false
	}
	if kind == JSON {
		spelled = string(value)
	}
	*cell = Cell{true, spelled}
	return true
}

func holds(kind Type, value []byte, spelled string) bool {
	n, inRange := integer(spelled)
	switch kind {
	case Text:
		return value[0] == '"'
	case JSON:
		return true
	case Boolean:
		return spelled == "true" || spelled == "false"
	case Int32:
		return inRange && int64(int32(n)) == n
	case Millis:
		year := time.UnixMilli(n).UTC().Year()
		return inRange && year >= 1 && year <= 9999
	}
	return inRange
}
