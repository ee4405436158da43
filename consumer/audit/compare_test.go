package audit_test

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// stream is what a world's stream holds: of two shards the records from the oldest to the newest.
type stream struct{ oldest, newest int }

const firstShard, secondShard = "shardId-000000000000", "shardId-000000000001"

var bases = map[string]int{firstShard: 100, secondShard: 200}

// source reads a stream. As the real one it reads every record once.
type source struct {
	stream
	read   map[string]int // by shard
	record func(n int) audit.Record
}

func (s stream) source() *source {
	return &source{s, map[string]int{firstShard: s.oldest - 1, secondShard: s.oldest - 1}, record}
}

func (s *source) Name() string { return "calls" }

func (s *source) Range(_ context.Context, shard string, after, last sequence.Number, each func(audit.Record)) (sequence.Number, error) {
	base, ok := bases[shard]
	from, _ := strconv.Atoi(after.String())
	to, _ := strconv.Atoi(last.String())
	for ok && s.read[shard] < s.newest && base+s.read[shard] < to {
		s.read[shard]++
		if n := base + s.read[shard]; n > from {
			each(s.record(n))
		}
	}
	if !ok || s.oldest > s.newest {
		return "", nil
	}
	return number(base + s.oldest), nil
}

func (s *source) Rest(_ context.Context, each func(string, audit.Record)) error {
	for _, shard := range []string{firstShard, secondShard} {
		for s.read[shard] < s.newest {
			s.read[shard]++
			each(shard, s.record(bases[shard]+s.read[shard]))
		}
	}
	return nil
}

// record is one of a world's stream: what its line, or its dead letter, came from.
func record(n int) audit.Record {
	r := audit.Record{Number: number(n), Arrived: arrived(n), PartitionKey: "p", Data: []byte(event(n, `"512"`))}
	if rejected(n) {
		r.Data = []byte(event(n, `"x"`))
	}
	return r
}

func TestAWarehouseIsComparedWithItsStream(t *testing.T) {
	exchange := func(t *testing.T, w *world) {
		w.edit(t, w.keys["203"], func(string, map[string]string) string {
			return event(205, "512") + "\n" + event(204, "512") + "\n" + event(206, "512") + "\n"
		})
	}
	for name, tc := range map[string]struct {
		stream               stream
		damage               func(t *testing.T, w *world)
		want                 map[audit.Fault]int
		compared, uncompared int
	}{
		"as it should be":                      {stream{1, 12}, nil, nil, 8, 0},
		"records after the ends of the chains": {stream{1, 14}, nil, map[audit.Fault]int{audit.Lost: 4}, 8, 0},
		"retention took the first records":     {stream{5, 12}, nil, nil, 4, 4},
		"lost": {stream{1, 12}, func(t *testing.T, w *world) {
			w.edit(t, w.keys["203"], replace(event(205, "512")+"\n", ""))
		}, map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1}, 8, 0},
		"another byte": {stream{1, 12}, func(t *testing.T, w *world) {
			w.edit(t, w.keys["206"], replace("512", "513"))
		}, map[audit.Fault]int{audit.Altered: 1}, 8, 0},
		"a record of another link, too": {stream{1, 12}, func(t *testing.T, w *world) {
			w.edit(t, w.keys["203"], func(body string, m map[string]string) string {
				m["records"] = "4"
				return body + event(207, "512") + "\n"
			})
		}, map[audit.Fault]int{audit.Duplicates: 1}, 8, 0},
		"exchanged": {stream{1, 12}, exchange, map[audit.Fault]int{audit.OutOfOrder: 1}, 8, 0},
		"a record that should have been rejected": {stream{1, 12}, func(t *testing.T, w *world) {
			w.edit(t, w.keys["103"], func(body string, m map[string]string) string {
				m["records"], m["rejected"] = "3", "0"
				delete(m, "dead-letters")
				return body + event(105, "1") + "\n"
			})
		}, map[audit.Fault]int{audit.Duplicates: 1, audit.DeadLetterFaults: 2}, 8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, warehouse.NDJSON)
			w.cfg.Source = tc.stream.source()
			if tc.damage != nil {
				tc.damage(t, w)
			}
			r := w.verify(t, false)
			if got := faults(r); !maps.Equal(got, tc.want) || r.Compared != tc.compared || r.Uncompared != tc.uncompared {
				t.Errorf("%v, %d links compared, %d not; want %v, %d, %d\n%v", got, r.Compared, r.Uncompared, tc.want, tc.compared, tc.uncompared, r.Details)
			}
		})
	}
}

// What a producer has put twice, under two sequence numbers, is in the stream twice and belongs into the warehouse twice.
func TestCopiesThatTheStreamHasAreNoDuplicates(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.edit(t, w.keys["206"], replace(event(208, "512"), event(207, "512")))
	copied := stream{1, 12}.source()
	copied.record = func(n int) audit.Record { // 208 is a copy of 207
		r := record(n)
		if n == 208 {
			r.Data = record(207).Data
		}
		return r
	}
	w.cfg.Source = copied
	w.cfg.Source = nil
	if r := w.verify(t, false); r.Faults[audit.Duplicates] != 1 {
		t.Errorf("without the stream: %v", r.Details)
	}
}
