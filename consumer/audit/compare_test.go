package audit_test

import (
	"bytes"
	"context"
	"maps"
	"strconv"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// stream is the source of a world: two shards with the records from the oldest to the newest.
type stream struct{ oldest, newest int }

const firstShard, secondShard = "shardId-000000000000", "shardId-000000000001"

func (s stream) Name() string { return "calls" }

func (s stream) Range(_ context.Context, shard string, after, last sequence.Number, each func(audit.Record)) (sequence.Number, error) {
	base := map[string]int{firstShard: 100, secondShard: 200}[shard]
	from, _ := strconv.Atoi(after.String())
	to, _ := strconv.Atoi(last.String())
	for n := max(from+1, base+s.oldest); n <= min(to, base+s.newest); n++ {
		each(record(n))
	}
	return number(base + s.oldest), nil
}

func (s stream) Rest(_ context.Context, each func(string, audit.Record)) error {
	for n := 13; n <= s.newest; n++ {
		each(firstShard, record(100+n))
		each(secondShard, record(200+n))
	}
	return nil
}

// record is one of a world's stream: what its line, or its dead letter, came from.
func record(n int) audit.Record {
	r := audit.Record{Number: number(n), Arrived: arrived(n), PartitionKey: "p", Data: []byte(event(n, `"512"`))}
	if n == 105 || n == 110 {
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
		}, map[audit.Fault]int{audit.Lost: 1, audit.Duplicates: 1}, 8, 0},
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
			w.cfg.Source = tc.stream
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
	w.cfg.Source = copied{stream{1, 12}}
	if r := w.verify(t, false); !r.OK() || r.Resent != 1 {
		t.Errorf("%d sent more than once, %v", r.Resent, r.Details)
	}
	w.cfg.Source = nil
	if r := w.verify(t, false); r.Faults[audit.Duplicates] != 1 {
		t.Errorf("without the stream: %v", r.Details)
	}
}

// copied is a stream whose record 208 is a copy of 207.
type copied struct{ stream }

func (s copied) Range(ctx context.Context, shard string, after, last sequence.Number, each func(audit.Record)) (sequence.Number, error) {
	return s.stream.Range(ctx, shard, after, last, func(r audit.Record) {
		if bytes.Equal(r.Data, record(208).Data) {
			r = record(207)
		}
		each(r)
	})
}
