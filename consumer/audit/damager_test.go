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
	if d.IntN(3) == 0 {
		d.memory[key].metadata["first"] = number(n + pick(d, 2, 3)).String() // the range begins later
		return
	}
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
