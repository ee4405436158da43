// Package memory knows which events of a shard are settled: each is a line or a dead letter of the shard's chain, or of an
// ancestor's. So a copy that a producer sends later is told from a first send.
//
// What always holds: a memory may know too little, never too much. It has no event that it was not told. It forgets what it
// has no room for, and then a copy is stored again. Nothing rests on the order or the time in which events arrive: a lane has
// the set of its settled numbers, which closes by itself. Its holes are events that are on their way, or spilled.
//
// A memory belongs to one batch. It is read from the link before the batch, and what it is after the batch's last record
// becomes part of the batch's link, as text of limited size. So all writers behind one link begin with the same memory. Every
// decision to forget is a function of the link, the records and the day of the place: all writers forget the same.
//
//	forgotten                               when
//	a lane not met for more than four days  a link is written; days are those of the chain
//	the lane that was not met for longest   there are more than 1,024 lanes, or 64 KiB in all
//	the lowest numbers of a lane            it is the only one left and takes more than 64 KiB
//	the same, in the same order             the text has no room for all
//
// Keys are written by whoever may put records. So the package is bounded whatever it is told, and costs no more than a lane's
// share of 64 KiB for an event. It reads no stream and no bucket.
package memory

import (
	"container/list"
	"slices"
	"time"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

// Days is how many days of the chain a lane is remembered without being met.
const Days = 4

// The bounds of a memory. A lane counts with its name and its runs, not with what the program needs to find it.
const (
	maxLanes  = 1024
	maxBytes  = 64 << 10
	laneBytes = 24
	runBytes  = 16
)

// Memory of the settled events of a shard. Not safe for concurrent use.
type Memory struct {
	day       int // of the batch's place
	lanes     map[identity.Lane]*list.Element
	met       list.List // of *lane; the one that was met last is in front
	bytes     int
	told      bool
	forgotten int
}

// lane is what is settled of a lane.
type lane struct {
	identity.Lane
	day     int // on which it was met last
	settled set
}

// New returns an empty memory for a batch whose place is on a day, 2006-01-02.
func New(day string) *Memory {
	return &Memory{day: dayNumber(day), lanes: map[identity.Lane]*list.Element{}}
}

// Settle notes that an event is a line or a dead letter now. It reports whether the event was settled before.
func (m *Memory) Settle(id identity.ID) (before bool) {
	l := m.meet(id.Lane)
	runs := len(l.settled)
	before = l.settled.add(id.Number)
	m.bytes += (len(l.settled) - runs) * runBytes
	m.told = m.told || before
	m.bound()
	return before
}

// meet returns the lane and makes it the one that was met last.
func (m *Memory) meet(name identity.Lane) *lane {
	if front := m.met.Front(); front != nil && front.Value.(*lane).Lane == name {
		l := front.Value.(*lane)
		l.day = m.day
		return l
	}
	e := m.lanes[name]
	if e == nil {
		e = m.met.PushFront(&lane{Lane: name})
		m.lanes[name] = e
		m.bytes += laneBytes
	}
	m.met.MoveToFront(e)
	l := e.Value.(*lane)
	l.day = m.day
	return l
}

// bound forgets until the memory is inside its bounds.
func (m *Memory) bound() {
	for m.met.Len() > maxLanes || m.bytes > maxBytes {
		m.told, m.forgotten = true, m.forgotten+1
		last := m.met.Back()
		l := last.Value.(*lane)
		if m.met.Len() == 1 {
			l.settled = slices.Delete(l.settled, 0, 1)
			m.bytes -= runBytes
			continue
		}
		m.met.Remove(last)
		delete(m.lanes, l.Lane)
		m.bytes -= laneBytes + len(l.settled)*runBytes
	}
}

// Told reports whether it has known an event that it was told, or has forgotten one. As long as it has not, an empty memory would
// have judged the batch's records in the same way.
func (m *Memory) Told() bool { return m.told }

// Forgotten returns how many lanes have lost something for want of room since it was last asked.
func (m *Memory) Forgotten() (lanes int) {
	lanes, m.forgotten = m.forgotten, 0
	return lanes
}

// Inherit returns the memory that a shard with those hash keys begins with, for a place on a day. Each lane in its range comes
// from the parent that had it.
func Inherit(parents []*Memory, hashKeys hashkey.Range, day string) *Memory {
	var inherited []*lane
	for _, parent := range parents {
		for e := parent.met.Front(); e != nil; e = e.Next() {
			if l := e.Value.(*lane); hashKeys.Contains(l.HashKey()) {
				inherited = append(inherited, &lane{l.Lane, l.day, slices.Clone(l.settled)})
			}
		}
	}
	slices.SortStableFunc(inherited, func(a, b *lane) int { return b.day - a.day })
	m := New(day)
	for _, l := range inherited {
		if !m.append(l) {
			m.forgotten++
		}
	}
	m.bound()
	m.told = false
	return m
}

// append makes l the lane that was not met for longest. It reports false if the lane is there.
func (m *Memory) append(l *lane) bool {
	if m.lanes[l.Lane] != nil {
		return false
	}
	m.lanes[l.Lane] = m.met.PushBack(l)
	m.bytes += laneBytes + len(l.settled)*runBytes
	return true
}

// dayNumber counts the days since 1970. Days stand in the names of links, so they are valid.
func dayNumber(day string) int {
	t, _ := time.Parse(time.DateOnly, day)
	return int(t.Unix() / (24 * 60 * 60))
}
