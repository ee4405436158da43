package lease // inside the package: the small types are not exported

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// noted is a table that notes the last write, and refuses it.
type noted struct {
	Table
	w Write
}

func (n *noted) Update(_ context.Context, w Write) (Item, error) {
	n.w = w
	return nil, ErrRefused
}

func testMembership(table Table, me string, ids ...string) *membership {
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg := Config{Duration: 10 * time.Second}
	m := newMembership(cfg, rows{table, cfg}, logrus.NewEntry(log))
	m.me, m.ids = &life{id: me}, ids
	return m
}

// A worker may make a heartbeat while somebody is about to fence it. Seen to fail when the fence does not depend on it.
func TestAFenceIsForTheHeartbeatThatWasSeen(t *testing.T) {
	table := &noted{}
	m := testMembership(table, "me", "me", "w")
	m.seen.worker("w", Item{attrBeat: int64(7), attrDuration: "10s"}, at(0))
	if err := m.fence(t.Context(), "w"); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(table.w.If, equals(attrBeat, int64(7))) || table.w.Set[attrFenced] == nil {
		t.Errorf("%+v", table.w)
	}
}

// The successors in the ring of ids, until three that seem alive are among them.
func TestRing(t *testing.T) {
	m := testMembership(nil, "c", "a", "b", "c", "d", "e", "f")
	want := func(want ...string) {
		t.Helper()
		if got := m.ring(at(10)); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	want("d", "e", "f")
	m.seen.worker("d", Item{attrBeat: int64(1), attrDuration: "10s"}, at(4)) // late by now
	want("d", "e", "f", "a")
	m.seen.worker("f", nil, at(9)) // without a row
	want("d", "e", "f", "a", "b")
	m.ids = []string{"a", "b"} // not a member yet
	want("a", "b")
	m.ids = []string{"c"}
	want()
}

// behind is a table that shows the state before a worker began, unless the read is consistent; and is too busy for one row.
type behind struct{ Table }

func (behind) Get(_ context.Context, consistent bool, keys ...string) (map[string]Item, error) {
	items := map[string]Item{}
	for _, key := range keys {
		items[key] = nil
		if consistent {
			items[key] = Item{attrBeat: int64(1), attrDuration: "10s"}
		}
	}
	delete(items, workerPrefix+"busy")
	return items, nil
}

// Seen to fail when what a read lacks that need not be consistent counts as absent, and when a row that was left out does.
func TestWhatIsAbsentIsAskedForConsistently(t *testing.T) {
	m := testMembership(behind{}, "me", "me")
	m.looked = true // the first look, of a worker that knows nothing, is consistent
	if err := m.look(t.Context(), []string{workerPrefix + "w", workerPrefix + "busy"}, map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	if !m.seen.workers["w"].there || !m.seen.workers["busy"].since.IsZero() {
		t.Errorf("%+v", m.seen.workers)
	}
}
