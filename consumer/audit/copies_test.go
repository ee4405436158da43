package audit_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
)

const firstSend, resend = "~1.a.0.5", "~1.a.0.5.r"

// copy203 makes 203 a copy of 202 in the stream, under those partition keys.
func copy203(first, second string) *source {
	s := stream{1, 12}.source()
	s.record = func(n int) audit.Record {
		r := record(n)
		r.HashKeys.Last = hashkey.Max()
		switch n {
		case 202:
			r.PartitionKey = first
		case 203:
			r.PartitionKey, r.Data = second, record(202).Data
		}
		return r
	}
	return s
}

// link203 rewrites the link that has 201 to 203: what it has of 203, and how many copies its metadata says were dropped.
func (w *world) link203(t *testing.T, line string, copies int) {
	t.Helper()
	w.edit(t, w.keys["200"], func(_ string, m map[string]string) string {
		m["records"], m["copies"] = fmt.Sprint(2+strings.Count(line, "\n")), fmt.Sprint(copies)
		return event(201, "512") + "\n" + event(202, "512") + "\n" + line
	})
}

// suspect203 makes 203 a dead letter, as a suspected copy.
func (w *world) suspect203(t *testing.T, key string) {
	t.Helper()
	w.link203(t, "", 0)
	letters := warehouse.Place{Shard: secondShard, Previous: "200", Day: "2026-11-23"}.Key("errors/app/", warehouse.NDJSON)
	w.edit(t, w.keys["200"], func(body string, m map[string]string) string {
		m["rejected"], m["dead-letters"] = "1", letters
		text, err := json.Marshal(warehouse.DeadLetter{Stream: "calls", ShardID: secondShard, SequenceNumber: "203", PartitionKey: key,
			ArrivalTime: arrived(203), Reason: transform.SuspectedCopy, Data: record(202).Data})
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, letters, string(text)+"\n", m)
		return body
	})
}

// The stream has a copy, and so the warehouse has none. Neither the metadata nor the ledger is believed: whether a copy is rightly
// dropped shows by the identities in the stream.
func TestCopiesAreComparedWithTheStream(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string // partition keys of 202 and 203
		warehouse     func(t *testing.T, w *world)
		want          map[audit.Fault]int
		dropped       int
	}{
		"rightly dropped": {firstSend, resend, func(t *testing.T, w *world) { w.link203(t, "", 1) }, nil, 1},
		"wrongly kept": {firstSend, resend, func(t *testing.T, w *world) { w.link203(t, event(202, "512")+"\n", 0) },
			map[audit.Fault]int{audit.Duplicates: 1}, 0},
		"wrongly dropped, its event is not there": {"p", resend, func(t *testing.T, w *world) { w.link203(t, "", 1) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1}, 0},
		"wrongly dropped, it is another event": {"~1.a.0.6", resend, func(t *testing.T, w *world) { w.link203(t, "", 1) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1}, 0},
		"wrongly dropped, it has no identity": {firstSend, "~1.a.0.05.r", func(t *testing.T, w *world) { w.link203(t, "", 1) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1}, 0},
		"wrongly dropped, it is a first send": {firstSend, firstSend, func(t *testing.T, w *world) { w.link203(t, "", 1) },
			map[audit.Fault]int{audit.Lost: 1, audit.WrongCounts: 1}, 0},
		"another count": {firstSend, resend, func(t *testing.T, w *world) { w.link203(t, "", 2) },
			map[audit.Fault]int{audit.WrongCounts: 1}, 1},
		"rightly suspected": {firstSend, firstSend, func(t *testing.T, w *world) { w.suspect203(t, firstSend) }, nil, 0},
		"a first send that is wrongly kept": {firstSend, firstSend, func(t *testing.T, w *world) { w.link203(t, event(202, "512")+"\n", 0) },
			map[audit.Fault]int{audit.Duplicates: 1}, 0},
		"wrongly suspected": {"p", firstSend, func(t *testing.T, w *world) { w.suspect203(t, firstSend) },
			map[audit.Fault]int{audit.Lost: 1, audit.DeadLetterFaults: 1}, 0},
		"copies without an identity are kept": {"p", "p", func(t *testing.T, w *world) { w.link203(t, event(202, "512")+"\n", 0) }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, warehouse.NDJSON)
			w.cfg.Source = copy203(c.first, c.second)
			c.warehouse(t, w)
			r := w.verify(t, false)
			if got := faults(r); !maps.Equal(got, c.want) || r.CopiesDropped != c.dropped {
				t.Errorf("%v, %d copies dropped; want %v, %d\n%v", got, r.CopiesDropped, c.want, c.dropped, r.Details)
			}
		})
	}
}

// The stream does not hold the first copy any more. Then the event must be in some object.
func TestACopyWhoseEventTheStreamHasLostIsLookedForInTheObjects(t *testing.T) {
	for name, there := range map[string]bool{"it is there": true, "it is not": false} {
		w := newWorld(t, warehouse.NDJSON)
		s := stream{4, 12}.source()
		s.record = func(n int) audit.Record { // 205 is a copy of 202
			r := record(n)
			r.HashKeys.Last = hashkey.Max()
			if n == 205 {
				r.PartitionKey, r.Data = resend, record(202).Data
			}
			return r
		}
		w.cfg.Source = s
		w.edit(t, w.keys["203"], func(_ string, m map[string]string) string {
			m["records"], m["copies"] = "2", "1"
			return event(204, "512") + "\n" + event(206, "512") + "\n"
		})
		if !there {
			w.edit(t, w.keys["200"], replace("call-202", "call-999"))
		}
		if r := w.verify(t, false); (r.Faults[audit.Lost] == 0) != there || r.CopiesDropped != 1 || len(faults(r)) > 1 {
			t.Errorf("%s: %v, %v", name, faults(r), r.Details)
		}
	}
}

// A ledger with identities knows how many events there are, however often each was sent. Seen to fail by the number of sends: the
// line that is there twice was no duplicate.
func TestALedgerCountsIdentitiesAndNotSends(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string // of 202
		line  string   // of 203
		want  map[audit.Fault]int
	}{
		"sent twice, there once":                {[]string{",202,1,~1.a.0.5"}, "", nil},
		"sent twice, there twice":               {[]string{",202,1,~1.a.0.5"}, event(202, "512") + "\n", map[audit.Fault]int{audit.Duplicates: 1}},
		"acknowledged twice, there once":        {[]string{",202,0,~1.a.0.5", ",203,1,~1.a.0.5"}, "", nil},
		"acknowledged twice, there twice":       {[]string{",202,0,~1.a.0.5", ",203,1,~1.a.0.5"}, event(202, "512") + "\n", map[audit.Fault]int{audit.Duplicates: 1}},
		"two events with one call_id":           {[]string{",202,0,~1.a.0.5", ",203,0,~1.a.0.6"}, event(202, "512") + "\n", nil},
		"without identities the sends count":    {[]string{",202,1"}, event(202, "512") + "\n", nil},
		"a first attempt that was applied late": {[]string{",202,1,~1.a.0.5"}, "suspected", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, warehouse.NDJSON)
			var ledger []string
			for _, line := range w.ledger {
				if !strings.HasPrefix(line, "call-202,") && !strings.HasPrefix(line, "call-203,") {
					ledger = append(ledger, line)
				}
			}
			for _, line := range c.lines {
				ledger = append(ledger, "call-202,"+secondShard+line)
			}
			w.ledger = ledger
			if c.line == "suspected" {
				w.suspect203(t, firstSend)
			} else {
				w.link203(t, c.line, 0)
			}
			r := w.verify(t, true)
			if got := faults(r); !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v\n%v", got, c.want, r.Details)
			}
		})
	}
}
