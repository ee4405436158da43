package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
)

// damager damages a warehouse.
type damager struct {
	*rand.Rand
	memory memory
}

// kinds are all ways to damage. Some strike nothing now and then.
var kinds = []struct {
	name   string
	strike func(*damager)
}{
	{"objects are gone", (*damager).remove},
	{"a part of a chain is gone", (*damager).removePart},
	{"an object is copied", func(d *damager) { d.copy(d.any()) }},
	{"an object is moved", func(d *damager) { key := d.any(); d.copy(key); delete(d.memory, key) }},
	{"a foreign object", (*damager).foreign},
	{"metadata", func(d *damager) { d.metadata(d.link()) }},
	{"metadata", func(d *damager) { d.metadata(d.link()) }},
	{"two objects exchanged", (*damager).exchange},
	{"bytes", (*damager).bytes},
	{"bytes", (*damager).bytes},
	{"lines", func(d *damager) { d.lines(false) }},
	{"lines, and the metadata agrees", func(d *damager) { d.lines(true) }},
	{"a value in a line", (*damager).value},
	{"dead letters", (*damager).letters},
	{"a day", (*damager).day},
	{"a border between two links", (*damager).border},
}

func pick[T any](d *damager, list ...T) T { return list[d.IntN(len(list))] }

func (d *damager) any() string { return pick(d, d.memory.keys("")...) }

func (d *damager) link() string { return pick(d, d.memory.keys("records/")...) }

func (d *damager) set(key string, body []byte) {
	d.memory[key] = stored{body, d.memory[key].metadata}
}

func (d *damager) remove() {
	for range 1 + d.IntN(3) {
		delete(d.memory, d.any())
	}
}

// removePart removes the beginning, the end or all of a chain, with its dead letters or without.
func (d *damager) removePart() {
	keys := d.memory.keys("records/")
	shard := pick(d, firstShard, secondShard)
	keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.Contains(key, shard) })
	cut := 1 + d.IntN(len(keys))
	keys = pick(d, keys[:cut], keys[len(keys)-cut:])
	for _, key := range keys {
		if letters := d.memory[key].metadata["dead-letters"]; d.IntN(2) == 0 {
			delete(d.memory, letters)
		}
		delete(d.memory, key)
	}
}

// copy gives an object another name, which its metadata may follow.
func (d *damager) copy(key string) {
	s := d.memory[key].clone()
	place, format, err := warehouse.ParseKey(key[:strings.Index(key, "/")+1], key)
	if err != nil {
		return
	}
	switch d.IntN(4) {
	case 0:
		place.Shard = pick(d, firstShard, secondShard, "shardId-000000000007")
	case 1:
		place.Previous = number(100 + d.IntN(120))
	case 2:
		place.Day = pick(d, "2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25", warehouse.FirstDay)
	default:
		format = pick(d, warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet)
	}
	if d.IntN(2) == 0 {
		s.metadata["shard"], s.metadata["previous"], s.metadata["format"] = place.Shard, place.Previous.String(), string(format)
	}
	d.memory[place.Key(pick(d, "records/", "errors/"), format)] = s
}

func (d *damager) foreign() {
	name := pick(d, "x", "dt=2026-11-23/x", "dt=2026-11-24/"+firstShard+"-after-5.ndjson", "dt=1970-01-01/\x1b[2J")
	d.memory[pick(d, "records/", "errors/")+name] = stored{body: []byte(pick(d, "", "{}\n", "hello"))}
}

func (d *damager) metadata(key string) {
	s := d.memory[key]
	name := pick(d, slices.Sorted(maps.Keys(s.metadata))...)
	other := d.memory[d.link()].metadata[name]
	n, _ := strconv.Atoi(s.metadata[name])
	s.metadata[name] = pick(d, other, other, "", "-1", "1000000000000000000", "9223372036854775807", "x", strconv.Itoa(n+1), strconv.Itoa(n-1),
		"2026-11-23", "2026-11-24", "2026-11-25", warehouse.FirstDay, firstShard, secondShard)
	if d.IntN(8) == 0 {
		delete(s.metadata, name)
	}
}

func (d *damager) exchange() {
	one, two := d.any(), d.any()
	a, b := d.memory[one], d.memory[two]
	switch d.IntN(3) {
	case 0:
		a, b = b, a
	case 1:
		a.body, b.body = b.body, a.body
	default:
		a.metadata, b.metadata = b.metadata, a.metadata
	}
	d.memory[one], d.memory[two] = a, b
}

// bytes changes an object as it is stored.
func (d *damager) bytes() {
	key := d.any()
	body := bytes.Clone(d.memory[key].body)
	at := d.IntN(len(body) + 1)
	switch end := min(len(body), at+1+d.IntN(3)); d.IntN(5) {
	case 0:
		body = body[:at]
	case 1:
		body = append(body[:at:at], body[end:]...)
	case 2:
		body = slices.Concat(body[:at], pick(d, []byte("\n"), []byte("\r"), []byte(" "), []byte{0}, body[at:]), body[at:])
	default:
		if at < len(body) {
			body[at] ^= byte(1 << d.IntN(8))
		}
	}
	d.set(key, body)
}

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
	text := strings.TrimSuffix(content(key, body), "<nil>")
	list := change(slices.Collect(strings.Lines(text)))
	text = strings.Join(list, "")
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
	w := parquet.NewWriter(&out, schema) //nolint:staticcheck // rows, not Go values
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

// letters changes dead letters, and the number that the metadata says, too.
func (d *damager) letters() {
	keys := slices.DeleteFunc(d.memory.keys("records/"), func(key string) bool { return d.memory[key].metadata["rejected"] == "0" })
	link := d.memory[pick(d, keys...)].metadata
	key := link["dead-letters"]
	var l warehouse.DeadLetter
	if err := json.Unmarshal(d.memory[key].body, &l); err != nil {
		panic(err)
	}
	list := []warehouse.DeadLetter{l}
	switch d.IntN(10) {
	case 0:
		list = append(list, l)
	case 1:
		list, link["rejected"] = append(list, l), "2"
	case 2:
		list, link["rejected"] = nil, "0"
	case 3:
		list[0].SequenceNumber = fmt.Sprint(100 + d.IntN(20))
	case 4:
		list[0].Reason = pick(d, transform.NotJSON, "")
	case 5:
		list[0].Data = []byte(pick(d, "", "{}", event(105, "6")))
	case 6:
		list[0].PartitionKey, list[0].ExplicitHashKey = pick(d, "", "p"), pick(d, "", "5")
	case 7:
		list[0].SubSequence, list[0].ShardID = d.IntN(2), pick(d, firstShard, secondShard)
	case 8:
		list[0].ArrivalTime = list[0].ArrivalTime.Add(1e6)
	default:
		list[0].Stream = "other"
	}
	var body bytes.Buffer
	for _, l := range list {
		if err := json.NewEncoder(&body).Encode(l); err != nil {
			panic(err)
		}
	}
	d.set(key, body.Bytes())
}

// day moves a link to the partition of another day, and the link before it names that day.
func (d *damager) day() {
	before, key := d.neighbours()
	if key == "" {
		return
	}
	place, format, _ := warehouse.ParseKey("records/", key)
	place.Day = pick(d, "2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25")
	s := d.memory[key]
	delete(d.memory, key)
	if s.metadata["next-day"] < place.Day {
		s.metadata["next-day"] = place.Day
	}
	d.memory[place.Key("records/", format)] = s
	d.memory[before].metadata["next-day"] = place.Day
}

// border moves the sequence number at which one link ends and the next begins.
func (d *damager) border() {
	before, key := d.neighbours()
	if key == "" {
		return
	}
	place, format, _ := warehouse.ParseKey("records/", key)
	n, _ := strconv.Atoi(place.Previous.String())
	place.Previous = number(n + pick(d, -1, 1))
	s := d.memory[key]
	delete(d.memory, key)
	s.metadata["previous"] = place.Previous.String()
	if d.IntN(2) == 0 {
		s.metadata["first"] = number(n + pick(d, 0, 1, 2)).String()
	}
	d.memory[place.Key("records/", format)] = s
	d.memory[before].metadata["last"] = place.Previous.String()
}

// neighbours are two links of which one follows the other; empty if the choice was none.
func (d *damager) neighbours() (before, after string) {
	keys := d.memory.keys("records/")
	for i := range keys[1:] {
		if one, two := d.memory[keys[i]].metadata, d.memory[keys[i+1]].metadata; one["last"] == two["previous"] && d.IntN(4) == 0 {
			return keys[i], keys[i+1]
		}
	}
	return "", ""
}
