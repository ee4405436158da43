package journal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"
	"pgregory.net/rapid"

	"example.com/callevents/producer/journal"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

// cut divides the hash key space into n shards, named from first on.
func cut(n, first int) []route.Shard {
	shards := make([]route.Shard, n)
	for i := range shards {
		shards[i] = route.Shard{ID: fmt.Sprintf("shardId-%012d", first+i), HashKeys: hashkey.Range{
			First: hashkey.FromWords(uint64(i)*(^uint64(0)/uint64(n)), 0), Last: hashkey.Max()}}
		if i > 0 {
			shards[i-1].HashKeys.Last = hashkey.FromWords(uint64(i)*(^uint64(0)/uint64(n))-1, ^uint64(0))
		}
	}
	return shards
}

type nowhere struct{}

func (nowhere) Write([]event.Event) error { return nil }

// world is an input, a stream, and what producers put into it, one after the other.
type world struct {
	rapid.TB
	t       *testing.T
	dir     string
	shards  []route.Shard
	named   int // shards so far
	put     map[string]identity.ID
	times   map[string]int
	owners  map[identity.ID]string
	settled map[string]bool
	perTurn map[string]int // events by shard, since the shards changed
}

func newWorld(t *testing.T, tb rapid.TB) *world {
	w := &world{TB: tb, t: t, dir: t.TempDir(), put: map[string]identity.ID{}, times: map[string]int{}, owners: map[identity.ID]string{}, settled: map[string]bool{}}
	w.reshard(3)
	return w
}

func (w *world) reshard(n int) {
	w.shards, w.perTurn = cut(n, w.named), map[string]int{}
	w.named += n
}

func (w *world) input() string   { return filepath.Join(w.dir, "input.ndjson") }
func (w *world) journal() string { return filepath.Join(w.dir, "journal") }

// grow appends lines from number first on to the input; each seventh is no event.
func (w *world) grow(first, n int) {
	w.Helper()
	file, err := os.OpenFile(w.input(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	for i := first; i < first+n; i++ {
		line := fmt.Sprintf(`{"event":{"property":{"call_id":"%d"}}}`, i)
		if i%7 == 6 {
			line = "no event"
		}
		fmt.Fprintln(file, line)
	}
	file.Close()
}

func events(first, n int) (ids []string) {
	for i := first; i < first+n; i++ {
		if i%7 != 6 {
			ids = append(ids, fmt.Sprint(i))
		}
	}
	return ids
}

// life is one producer.
type life struct {
	*world
	journal *journal.Journal
	lines   *source.Lines
	router  *route.Router
	place   uint64
	unsent  []record
}

// record is one that the sender has.
type record struct {
	id    string
	place uint64
}

func (w *world) begin() (*life, error) {
	file, err := os.Open(w.input())
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(w.t.Context(), w.journal(), file)
	if err != nil {
		return nil, err
	}
	log, _ := test.NewNullLogger()
	l := &life{world: w, journal: j, lines: source.NewLines(file, nowhere{}, log), router: route.New(uint64(w.named)), place: j.First()}
	l.lines.Journal, l.lines.At = j, j.Start()
	if err := j.Begin("stream", l.router); err != nil {
		return nil, err
	}
	l.router.Use(w.shards)
	go l.lines.Run(w.t.Context())
	return l, nil
}

// next hands the next event to the sender, which may put it at any time from now on. It reports false at the end.
func (l *life) next() bool {
	l.Helper()
	e, err := l.lines.Next(l.t.Context())
	if errors.Is(err, io.EOF) {
		return false
	}
	if err != nil {
		l.Fatal(err)
	}
	at := l.router.Again(e.ID)
	if e.ID.None() {
		at = l.router.Next()
		if err := l.journal.Routed(at, l.router); err != nil {
			l.Fatal(err)
		}
	}
	if l.times[e.CallID]++; l.times[e.CallID] == 1 {
		l.perTurn[at.ShardID]++
	}
	if before, ok := l.put[e.CallID]; ok && (!at.Again || at.ID != before) {
		l.Fatalf("event %s was put as %v, and is put as %v (again: %t)", e.CallID, before, at.ID, at.Again)
	}
	if owner, taken := l.owners[at.ID]; taken && owner != e.CallID {
		l.Fatalf("events %s and %s have the identity %v", owner, e.CallID, at.ID)
	}
	l.put[e.CallID], l.owners[at.ID] = at.ID, e.CallID
	l.unsent = append(l.unsent, record{e.CallID, l.place})
	l.place++
	return true
}

// settle settles one of the records that the sender has.
func (l *life) settle(i int) {
	l.settled[l.unsent[i].id] = true
	l.journal.Settled(l.unsent[i].place)
	l.unsent = append(l.unsent[:i], l.unsent[i+1:]...)
}

// Any number of lives, each of which ends at any point. Each event keeps the identity under which it may be in the stream, no two
// have the same, all are settled at last, and without a reshard they are spread evenly. Seen to fail without the rotation of the former
// life, with a journal that has read less than the sender was given, and with done for what was not settled.
func TestALifeGoesOnWhereTheFormerOneEnded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		defer os.RemoveAll(w.dir)
		lines := rapid.IntRange(1, 4000).Draw(rt, "lines")
		w.grow(0, lines)
		for range rapid.IntRange(0, 6).Draw(rt, "lives") {
			l, err := w.begin()
			if err != nil {
				rt.Fatal(err)
			}
			for range rapid.IntRange(0, 1500).Draw(rt, "records") {
				if !l.next() {
					break
				}
				if n := len(l.unsent); n > 50 || rapid.IntRange(0, 3).Draw(rt, "settle") == 0 {
					l.settle(rapid.IntRange(0, n-1).Draw(rt, "which"))
				}
				switch rapid.IntRange(0, 200).Draw(rt, "event") {
				case 0:
					w.reshard(rapid.IntRange(1, 6).Draw(rt, "shards"))
					l.router.Use(w.shards)
				case 1, 2, 3:
					if err := l.journal.Note(); err != nil {
						rt.Fatal(err)
					}
				}
			}
			l.end(rapid.Bool().Draw(rt, "in order"))
			if rapid.IntRange(0, 3).Draw(rt, "resharded meanwhile") == 0 {
				w.reshard(rapid.IntRange(1, 6).Draw(rt, "shards"))
			}
			if rapid.IntRange(0, 3).Draw(rt, "grown") == 0 {
				w.grow(lines, 10)
				lines += 10
			}
		}
		l, err := w.begin()
		if err != nil {
			rt.Fatal(err)
		}
		for l.next() {
			l.settle(0)
		}
		l.end(true)
		w.verify(events(0, lines))
	})
}

// end ends a life: in order, all that the sender has is settled.
func (l *life) end(inOrder bool) {
	if inOrder {
		for len(l.unsent) > 0 {
			l.settle(0)
		}
		if err := l.journal.Close(); err != nil {
			l.Fatal(err)
		}
		return
	}
	l.journal.Abandon()
}

func (w *world) verify(want []string) {
	w.Helper()
	if len(w.put) != len(want) {
		w.Errorf("%d events were put, want %d", len(w.put), len(want))
	}
	for _, id := range want {
		if !w.settled[id] {
			w.Errorf("event %s is not settled", id)
		}
	}
	low, high := len(want), 0
	for _, n := range w.perTurn {
		low, high = min(low, n), max(high, n)
	}
	if w.named == len(w.shards) && high > low+1 {
		w.Errorf("events by shard: %v", w.perTurn)
	}
}

// After an end in order nothing is put again. Seen to fail with a journal that knows chunks only.
func TestAnEndInOrderRepeatsNothing(t *testing.T) {
	w := newWorld(t, t)
	w.grow(0, 3000)
	for more := true; more; {
		l, err := w.begin()
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 333 && more; n++ {
			more = l.next()
		}
		l.end(true)
	}
	w.verify(events(0, 3000))
	for id, n := range w.times {
		if n != 1 {
			t.Fatalf("event %s was put %d times", id, n)
		}
	}
}
