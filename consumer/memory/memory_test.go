package memory_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/memory"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

const day = "2026-11-26"

func id(lane, number uint64) identity.ID {
	return identity.ID{Lane: identity.Lane{Run: lane * 7919, Word: lane << 56}, Number: number}
}

// knows asks copies of a memory, since an event that is asked for is settled.
func knows(text, day string, who identity.ID) bool { return memory.Read(text, day).Settle(who) }

// The set of a lane is what it was told, whatever the order; and so is what comes back from its text, if there is room.
func TestAMemoryKnowsWhatItWasToldAndNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, told := memory.New(day), map[identity.ID]bool{}
		number := rapid.OneOf(rapid.Uint64Range(1, 60), rapid.Uint64Range(math.MaxUint64-60, math.MaxUint64), rapid.Uint64Min(1))
		for range rapid.IntRange(0, 150).Draw(t, "events") {
			who := id(rapid.Uint64Range(0, 3).Draw(t, "lane"), number.Draw(t, "number"))
			if before := m.Settle(who); before != told[who] {
				t.Fatalf("%v: settled %t, want %t", who, before, told[who])
			}
			told[who] = true
		}
		text := m.Text(1<<16, day)
		for lane := range uint64(4) {
			for n := range uint64(62) {
				for _, who := range []identity.ID{id(lane, n+1), id(lane, math.MaxUint64-n)} {
					if knows(text, day, who) != told[who] {
						t.Fatalf("%v: %t from the text, want %t", who, !told[who], told[who])
					}
				}
			}
		}
		for who := range told {
			if !knows(text, day, who) {
				t.Fatalf("%v is not in the text", who)
			}
		}
		if again := memory.Read(text, day).Text(1<<16, day); again != text {
			t.Fatalf("%s is written as %s", text, again)
		}
	})
}

// The text never has more bytes than there is room, and never an event that was not settled. What goes first is the lane that
// was not met for longest, and of a lane the lowest numbers.
func TestWhatDoesNotFitIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, told, latest := memory.New(day), map[identity.ID]bool{}, identity.ID{}
		for range rapid.IntRange(1, 600).Draw(t, "events") {
			latest = id(rapid.Uint64Range(0, 20).Draw(t, "lane"), rapid.Uint64Range(1, 200).Draw(t, "number"))
			m.Settle(latest)
			told[latest] = true
		}
		room := rapid.IntRange(-10, 400).Draw(t, "room")
		text := m.Text(room, day)
		if len(text) > max(0, room) {
			t.Fatalf("%d bytes, room for %d", len(text), room)
		}
		lost, read := false, memory.Read(text, day)
		for lane := range uint64(21) {
			kept := false
			for n := range uint64(200) {
				who := id(lane, n+1)
				knows := read.Settle(who)
				if knows && !told[who] || kept && !knows && told[who] {
					t.Fatalf("%v: known %t, told %t, the ones before it kept %t", who, knows, told[who], kept)
				}
				kept = kept || knows
				lost = lost || told[who] && !knows
			}
		}
		if forgotten := m.Forgotten(); (forgotten > 0) != lost {
			t.Fatalf("lost %t, %d forgotten", lost, forgotten)
		}
		if room > 100 && len(text) < 20 {
			t.Fatalf("nothing is kept in %d bytes", room)
		}
	})
}

// A quiet lane takes 28 bytes, so 45 of them fit beside what else the metadata has. A window of numbers with holes takes a bit
// for each.
func TestWhatALaneTakes(t *testing.T) {
	quiet := memory.New(day)
	for n := range uint64(1_000_000) {
		quiet.Settle(id(1, n+1))
	}
	holes := memory.New(day)
	for n := range uint64(4000) {
		if rand.New(rand.NewPCG(n, 1)).IntN(3) > 0 {
			holes.Settle(id(1, 1_000_000+n))
		}
	}
	for name, c := range map[string]struct {
		m    *memory.Memory
		most int
	}{"quiet": {quiet, 29}, "holes": {holes, 1 + (4000/8+25)*4/3 + 2}} {
		if n := len(c.m.Text(1<<16, day)); n > c.most {
			t.Errorf("%s: %d bytes, want %d at most", name, n, c.most)
		}
	}
}

// A lane that is not met for more than four days of the chain goes. Seen to fail without the comparison of the days.
func TestALaneIsForgottenByDay(t *testing.T) {
	m := memory.New("2026-11-26")
	m.Settle(id(1, 1))
	for next, want := range map[string]bool{"2026-11-26": true, "2026-11-30": true, "2026-12-01": false, "2027-11-26": false} {
		if got := knows(m.Text(1000, next), next, id(1, 1)); got != want {
			t.Errorf("%s: known %t", next, got)
		}
	}
	later := memory.Read(m.Text(1000, "2026-11-29"), "2026-11-29")
	later.Settle(id(2, 1))
	if text := later.Text(1000, "2026-12-02"); knows(text, "2026-12-02", id(1, 1)) || !knows(text, "2026-12-02", id(2, 1)) {
		t.Error("the lane that was met later goes by the day of the other")
	}
	later.Settle(id(1, 2)) // meeting a lane keeps all of it
	if text := later.Text(1000, "2026-12-02"); !knows(text, "2026-12-02", id(1, 1)) {
		t.Error("a lane that was met again is forgotten")
	}
}

// Whoever may put records writes what he likes: numbers far apart, a lane for each record. Memory and time are bounded.
func TestHostileKeysAreBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for name, next := range map[string]func(n uint64) identity.ID{
		"a lane for each":  func(n uint64) identity.ID { return identity.ID{Lane: identity.Lane{Run: n, Word: n}, Number: 1} },
		"far ahead":        func(uint64) identity.ID { return id(1, random.Uint64()|1) },
		"every other":      func(n uint64) identity.ID { return id(1, 2*n+1) },
		"downwards":        func(n uint64) identity.ID { return id(1, math.MaxUint64-2*n) },
		"a thousand lanes": func(n uint64) identity.ID { return id(n%1000, random.Uint64()|1) },
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			m := memory.New(day)
			for n := range uint64(50_000) {
				m.Settle(next(n))
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 1<<20 {
				t.Errorf("%d bytes are held", held)
			}
			if text := m.Text(1300, day); len(text) > 1300 || len(text) < 1200 {
				t.Errorf("text of %d bytes", len(text))
			}
			if m.Forgotten() == 0 || !m.Told() {
				t.Error("nothing is told to be forgotten")
			}
		})
	}
}

// Text that is not ours is an empty memory, and so is each of ours with a byte changed, or one that is read as something that
// is a memory, and bounded.
func TestUnreadableTextIsAnEmptyMemory(t *testing.T) {
	m := memory.New(day)
	for n := range uint64(40) {
		m.Settle(id(1, 3*n+1))
		m.Settle(id(2, 900*n+1))
	}
	text := m.Text(1300, day)
	for _, bad := range []string{"", "1", "2" + text[1:], text + "!", text[:len(text)-1], "1" + text, text + text[1:], "1AAAA", fmt.Sprint("1", "é")} {
		if knows(bad, day, id(1, 1)) || knows(bad, day, id(2, 1)) {
			t.Errorf("%.20q is a memory", bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	m := memory.New(day)
	for n := range uint64(20) {
		m.Settle(id(1, 3*n+1))
		m.Settle(id(2, 900*n+1))
	}
	f.Add(m.Text(1300, day))
	f.Fuzz(func(t *testing.T, text string) {
		m := memory.Read(text, day)
		if again := m.Text(len(text)+64<<10, day); memory.Read(again, day).Text(1<<17, day) != again {
			t.Errorf("%q is read as %q", text, again)
		}
	})
}

// A child has the lanes of its range, each from the parent that had it, and a merged shard those of both.
func TestAChildInheritsTheLanesOfItsRange(t *testing.T) {
	low := hashkey.Range{Last: hashkey.FromWords(1<<63-1, math.MaxUint64)}
	high := hashkey.Range{First: hashkey.FromWords(1<<63, 0), Last: hashkey.Max()}
	parent, other := memory.New(day), memory.New(day)
	parent.Settle(id(1, 1))
	parent.Settle(id(200, 1))
	other.Settle(id(201, 1))
	for name, c := range map[string]struct {
		parents []*memory.Memory
		keys    hashkey.Range
		want    [3]bool // lanes 1, 200, 201
	}{
		"lower child":  {[]*memory.Memory{parent}, low, [3]bool{true, false, false}},
		"higher child": {[]*memory.Memory{parent}, high, [3]bool{false, true, false}},
		"merged":       {[]*memory.Memory{parent, other}, hashkey.Range{Last: hashkey.Max()}, [3]bool{true, true, true}},
		"no parents":   {nil, low, [3]bool{}},
	} {
		text := memory.Inherit(c.parents, c.keys, "1970-01-01").Text(1300, day)
		for i, lane := range []uint64{1, 200, 201} {
			if got := knows(text, day, id(lane, 1)); got != c.want[i] {
				t.Errorf("%s: lane %d is known: %t", name, lane, got)
			}
		}
	}
	child := memory.Inherit([]*memory.Memory{parent}, low, "1970-01-01")
	child.Settle(id(1, 2))
	if parent.Settle(id(1, 2)) {
		t.Error("what a child settles is settled in the parent")
	}
}

func BenchmarkSettle(b *testing.B) {
	m := memory.New(day)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		if m.Settle(id(n%4, n/4+1)) {
			b.Fatal("settled before")
		}
	}
}

func BenchmarkText(b *testing.B) {
	m := memory.New(day)
	for n := range uint64(4000) {
		m.Settle(id(n%40, n*n%1000+1))
	}
	b.ReportAllocs()
	for b.Loop() {
		memory.Read(m.Text(1300, day), day)
	}
}
