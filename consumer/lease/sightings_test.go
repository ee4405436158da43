package lease // inside the package: the small types of the manager are not exported

import (
	"testing"
	"time"
)

var (
	testConfig = Config{WorkerID: "me", Duration: 10 * time.Second, SyncInterval: time.Second}
	testStart  = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
)

// at is a time so many seconds into the test.
func at(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }

// Seen to fail when a row is dated at every look, when only its counter is compared, and when the claim is not taken in.
func TestRowIsDatedWhenItsVersionIsFirstSeen(t *testing.T) {
	s := newSightings(testConfig)
	for _, look := range []struct {
		second int
		row    Row
		since  int
	}{
		{0, Row{Owner: "a", Timeout: "soon"}, 0}, // of the stock library
		{2, Row{Owner: "a", Timeout: "soon"}, 0},
		{4, Row{Owner: "a", Timeout: "later"}, 4},
		{6, Row{Owner: "a", Counter: 1}, 6},
		{8, Row{Owner: "a", Counter: 1, Claim: "b"}, 6},
		{10, Row{Owner: "a", Counter: 2, Claim: "b"}, 10},
	} {
		look.row.ShardID = "s"
		s.observe([]Row{look.row}, nil, at(look.second))
		if o := s.rows["s"]; o.row != look.row || !o.since.Equal(at(look.since)) {
			t.Errorf("after %d s: %+v, want it dated %d s", look.second, o, look.since)
		}
	}
	for second, want := range map[int]bool{19: false, 20: true} {
		if s.expired("s", at(second)) != want {
			t.Errorf("expired at %d s: %v", second, !want)
		}
	}
}

// Seen to fail when the read replaces what is known, and when it does so for a lease that is not held.
func TestOwnAcquisitionIsYoungerThanTheReadUnderWay(t *testing.T) {
	for _, held := range []holding{{"s": false}, {}} {
		s := newSightings(testConfig)
		s.wrote(Row{ShardID: "s", Owner: "me", Counter: 8})
		s.wrote(Row{ShardID: "new", Owner: "me", Counter: 1})
		held["new"] = false // acquired after the read, too: the read has no row
		s.observe([]Row{{ShardID: "s", Owner: "a", Counter: 7}}, held, at(0))
		want := Row{ShardID: "s", Owner: "a", Counter: 7}
		if held.has("s") {
			want = Row{ShardID: "s", Owner: "me", Counter: 8}
		}
		if s.row("s") != want || s.row("new").Counter != 1 || s.rows["new"].deleted {
			t.Errorf("held %v: %+v", held, s.rows)
		}
	}
}

// Seen to fail when a deleted row is dropped at once, never, or dated at every look, and when its lease counts as free.
func TestDeletedRowIsRespectedForTheLeaseDuration(t *testing.T) {
	s := newSightings(testConfig)
	s.observe([]Row{{ShardID: "s", Counter: 5}, {ShardID: workerPrefix + "b", Counter: 5}}, nil, at(0))
	for second := 5; second <= 20; second += 5 {
		s.observe(nil, nil, at(second))
		v := s.view([]Shard{{ID: "s"}}, nil, at(second))
		if free := v.leases[0].owner == ""; free != (second >= 15) {
			t.Errorf("%d s, the row is missing since 5 s: %+v", second, v)
		}
		if _, known := s.rows["s"]; known != (second < 15) {
			t.Errorf("%d s, the row is missing since 5 s: known %v", second, known)
		}
		if _, known := s.rows[workerPrefix+"b"]; known {
			t.Error("the row of a worker is respected without being there")
		}
	}
}

// Seen to fail when each look begins anew, and when it is passed over at its first.
func TestFreeLeaseIsPassedOverAfterTwoRestIntervals(t *testing.T) {
	s := newSightings(testConfig) // at rest a look every 2 s
	for second := range 8 {
		v := s.view([]Shard{{ID: "s"}}, nil, at(second))
		if v.leases[0].passedOver != (second > 4) {
			t.Errorf("after %d s: %+v", second, v.leases)
		}
	}
	held := s.view([]Shard{{ID: "s"}}, holding{"s": true}, at(8)).leases[0]
	if held.passedOver || !held.draining || held.owner != "me" {
		t.Errorf("held: %+v", held)
	}
	if s.view([]Shard{{ID: "s"}}, nil, at(9)).leases[0].passedOver {
		t.Error("passed over as soon as it is free again")
	}
}

// Seen to fail, line by line, without the condition that makes the difference to the line before.
func TestLeaseAsAWorkerSeesIt(t *testing.T) {
	for name, c := range map[string]struct {
		row  Row
		age  int // seconds
		want leaseView
	}{
		"owned":                           {Row{Owner: "a"}, 9, leaseView{owner: "a"}},
		"expired":                         {Row{Owner: "a"}, 10, leaseView{}},
		"lost answer of an acquisition":   {Row{Owner: "me"}, 0, leaseView{}},
		"claimed":                         {Row{Owner: "a", Claim: "live"}, 0, leaseView{owner: "a", claim: "live"}},
		"claimed by a dead worker":        {Row{Owner: "a", Claim: "dead"}, 0, leaseView{owner: "a"}},
		"released for its claimant":       {Row{Claim: "live"}, 9, leaseView{claim: "live"}},
		"released, and the claimant slow": {Row{Claim: "live"}, 10, leaseView{}},
	} {
		s := newSightings(testConfig)
		c.row.ShardID, c.row.Counter, c.want.shardID = "s", 5, "s"
		s.observe([]Row{c.row}, nil, at(0))
		s.observe([]Row{c.row, {ShardID: workerPrefix + "live", Counter: 1}}, nil, at(c.age))
		if got := s.view([]Shard{{ID: "s"}}, nil, at(c.age)).leases[0]; got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
