package put_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/shared/kpl"
)

func sequence(r stored) string { return strconv.Itoa(r.sequence) }

// open reads the stream as a consumer does. It returns the events by call_id, the number of containers, and the size of
// the largest record. now are the shards that the reader knows: it drops user records that belong to another shard.
func open(t *testing.T, b *rig, now []route.Shard) (events map[string]string, containers, largest int) {
	t.Helper()
	events = map[string]string{}
	for _, r := range b.stream.records {
		largest = max(largest, len(r.data))
		shard := now[slices.IndexFunc(now, func(s route.Shard) bool { return s.ID == r.shardID })]
		inside, ok := kpl.Split([]byte(r.data), shard.HashKeys)
		if !ok {
			events[r.partitionKey] = r.data
			continue
		}
		containers++
		for one := range inside {
			if one.Reason == "" {
				events[string(one.PartitionKey)] = string(one.Data)
			}
		}
	}
	return events, containers, largest
}

func TestContainersHoldEveryEvent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(9, 9))
		b := start(t, 4, put.Config{Aggregate: true, Linger: 100 * time.Millisecond, InFlight: 4, ShardRecords: 1000, RecordTTL: time.Minute}, func(b *rig) {
			b.stream.refuse = func(string, string) bool { return random.Float64() < 0.3 }
			b.stream.shards = shards(8) // split, while the router still has the old map
		})
		if err := errors.Join(b.make(20_000), b.finish()); err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		events, containers, largest := open(t, b, b.stream.shards)
		for n := range b.made {
			if want := `{"event":{"property":{"call_id":"` + id(n) + `"}}}`; events[id(n)] != want {
				t.Fatalf("%s is %q", id(n), events[id(n)])
			}
		}
		for _, e := range b.book.entries {
			ids[e.CallID] = true
		}
		if len(ids) != 20_000 || containers < 20 || containers > 60 || largest > 50<<10 {
			t.Errorf("%d in the ledger, %d containers, the largest of %d bytes", len(ids), containers, largest)
		}
		perShard := b.Stats().PerShard
		if total := b.Stats().Records; total != 20_000 || len(perShard) < 5 {
			t.Errorf("%d records on %v", total, perShard)
		}
	})
}

func TestAFewRecordsTravelAsThemselvesAndLargeOnesToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{Aggregate: true, Linger: 100 * time.Millisecond}, nil)
		for range 8 { // each alone in its container
			if err := b.make(1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		large := put.Record{To: b.router.Next(), Created: time.Now()}
		large.Event.CallID, large.Event.JSON = id(b.made), []byte(strings.Repeat(" ", 60<<10))
		b.made++
		if err := errors.Join(b.Put(large), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		if events, containers, _ := open(t, b, b.stream.shards); containers != 0 || len(events) != 9 {
			t.Errorf("%d events, %d containers", len(events), containers)
		}
	})
}

func TestTheEventsOfAContainerAreSpilledOneByOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{Aggregate: true, Linger: 100 * time.Millisecond, RecordTTL: 5 * time.Second}, func(b *rig) {
			b.stream.refuse = func(string, string) bool { return true }
		})
		if err := errors.Join(b.make(500), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		for _, e := range b.spilled.events {
			if !bytes.HasPrefix(e.JSON, []byte(`{"event"`)) {
				t.Fatalf("spilled %q", e.JSON)
			}
		}
	})
}
