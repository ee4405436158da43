package lease // inside the package: the small types are not exported

import (
	"testing"
	"time"
)

// Seen to fail when a row is dated at every look, and when only its counter is compared.
func TestRowIsDatedWhenItsVersionIsFirstSeen(t *testing.T) {
	s := newSightings()
	for _, look := range []struct {
		second int
		row    Row
		since  int
	}{
		{0, Row{Owner: "a", Timeout: "soon"}, 0}, // of the stock library
		{2, Row{Owner: "a", Timeout: "soon"}, 0},
		{4, Row{Owner: "a", Timeout: "later"}, 4},
		{6, Row{Owner: "a", Counter: 1}, 6},
		{8, Row{Owner: "a", Counter: 1, Timeout: "x"}, 6},
		{10, Row{Owner: "a", Counter: 2}, 10},
		{12, Row{}, 12}, // deleted
	} {
		look.row.ShardID = "s"
		s.shard(look.row, at(look.second))
		if o := s.shards["s"]; o.row != look.row || !o.since.Equal(at(look.since)) {
			t.Errorf("after %d s: %+v, want it dated %d s", look.second, o, look.since)
		}
	}
}

// A worker of 10 s: fenced after 9 s without a heartbeat, late after 6 s, and no member any more 10 s after it was seen without a row.
func TestWorkerIsJudgedByItsOwnClock(t *testing.T) {
	s := newSightings()
	row := Item{attrBeat: int64(7), attrDuration: "10s"}
	s.worker("w", row, at(0))
	for second, want := range map[int][2]bool{0: {true, false}, 5: {true, false}, 6: {false, false}, 8: {false, false}, 9: {false, true}} {
		s.worker("w", row, at(second))
		if fresh, overdue := s.fresh("w", at(second)), s.overdue("w", at(second)); fresh != want[0] || overdue != want[1] {
			t.Errorf("after %d s: fresh %v, overdue %v", second, fresh, overdue)
		}
		if s.workers["w"].since != at(0) {
			t.Fatal("dated again")
		}
	}
	s.worker("w", nil, at(20))
	if s.dead("w", 10*time.Second, at(29)) || !s.dead("w", 10*time.Second, at(30)) || s.fresh("w", at(20)) || s.overdue("w", at(60)) {
		t.Error("a worker without a row")
	}
	s.worker("w", Item{attrBeat: int64(8), attrDuration: "10s", attrFenced: int64(1)}, at(40))
	if !s.dead("w", time.Hour, at(40)) || s.overdue("w", at(60)) {
		t.Error("a worker that is fenced")
	}
}

// Seen to fail, line by line, without the condition that makes the difference to the line before.
func TestWhenALeaseIsFree(t *testing.T) {
	live, fenced := Item{attrBeat: int64(1), attrDuration: "10s"}, Item{attrBeat: int64(1), attrFenced: int64(1)}
	for name, c := range map[string]struct {
		row    Row
		owner  Item
		age    int // seconds
		want   bool
		unseen bool
	}{
		"not read":                      {want: false, unseen: true},
		"no row":                        {want: true},
		"released":                      {row: Row{Counter: 3}, want: true},
		"ours, and not held":            {row: Row{Counter: 3, Owner: "me"}, want: true},
		"owned":                         {row: Row{Counter: 3, Owner: "a"}, owner: live, age: 60, want: false},
		"owner fenced":                  {row: Row{Counter: 3, Owner: "a"}, owner: fenced, want: true},
		"owner without a row":           {row: Row{Counter: 3, Owner: "a"}, age: 9, want: false},
		"for long":                      {row: Row{Counter: 3, Owner: "a"}, age: 10, want: true},
		"for long, with a duration":     {row: Row{Counter: 3, Owner: "a", Duration: "20s"}, age: 19, want: false},
		"for longer than that duration": {row: Row{Counter: 3, Owner: "a", Duration: "20s"}, age: 20, want: true},
	} {
		s := newSightings()
		if !c.unseen {
			c.row.ShardID = "s"
			s.shard(c.row, at(0))
		}
		s.worker("a", c.owner, at(0))
		if got := s.free("s", "me", 10*time.Second, at(c.age)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Seen to fail when an older answer is taken for what is there.
func TestOlderAnswersAreNoNews(t *testing.T) {
	s := newSightings()
	s.shard(Row{ShardID: "s", Counter: 7}, at(0))
	s.worker("w", Item{attrBeat: int64(7)}, at(0))
	for _, c := range []struct {
		key  string
		item Item
		want bool
	}{
		{"s", Item{attrCounter: int64(6)}, false}, {"s", Item{attrCounter: int64(7)}, true}, {"s", nil, false},
		{workerPrefix + "w", Item{attrBeat: int64(6)}, false}, {workerPrefix + "w", Item{attrBeat: int64(8)}, true},
		{workerPrefix + "w", nil, false}, {membersKey, nil, false}, {membersKey, Item{attrVersion: int64(1)}, true},
	} {
		if got := s.news(c.key, c.item); got != c.want {
			t.Errorf("%s %v: %v", c.key, c.item, got)
		}
	}
}
