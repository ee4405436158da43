package main

import (
	"strconv"
	"testing"
	"time"

	"example.com/callevents/shared/sequence"
)

func TestARecoveryIsOverWhenEveryShardHasWarehousedALaterRecord(t *testing.T) {
	measured := 0
	w := newWatch(nil, "", false, func(measurement) { measured++ })
	busy := &shard{put: "10", warehoused: "5"}
	w.shards = map[string]*shard{"busy": busy, "closed": {put: "7", warehoused: "7", closed: true}, "empty": {}}
	w.measure(nil, "kill", false)
	for _, step := range []struct {
		put, warehoused int
		over            bool
	}{{10, 10, false}, {11, 10, false}, {12, 11, true}} {
		busy.put, busy.warehoused = sequence.Number(strconv.Itoa(step.put)), sequence.Number(strconv.Itoa(step.warehoused))
		if w.endRecoveries(); w.recovering() == step.over {
			t.Errorf("put %d, warehoused %d: recovering is %v", step.put, step.warehoused, w.recovering())
		}
	}
	if measured != 1 || len(w.measured) != 1 {
		t.Errorf("%d measurements reported, %d kept", measured, len(w.measured))
	}
	replaced := w.measure(nil, "cut", true)
	w.measure(replaced, "cut", true)
	if kinds := w.giveUp(); len(kinds) != 1 || w.recovering() {
		t.Errorf("gave up on %v", kinds)
	}
}

func TestAShardStallsOnlyIfItHasWorkAndNothingToWaitFor(t *testing.T) {
	long, now := time.Now().Add(-time.Hour), time.Now()
	for name, tc := range map[string]struct {
		shard   shard
		parent  time.Time // its progress
		since   time.Time
		stalled bool
	}{
		"no progress for long":         {shard{put: "2", warehoused: "1", progress: long}, long, long, true},
		"progress":                     {shard{put: "2", warehoused: "1", progress: now}, long, long, false},
		"nothing to do":                {shard{put: "2", warehoused: "2", progress: long}, long, long, false},
		"the faults have just ended":   {shard{put: "2", warehoused: "1", progress: long}, long, now, false},
		"its parent has made progress": {shard{put: "2", warehoused: "1", progress: long}, now, long, false},
	} {
		w := newWatch(nil, "", false, nil)
		tc.shard.parents = []string{"parent"}
		w.shards = map[string]*shard{"child": &tc.shard, "parent": {progress: tc.parent}}
		if got := len(w.stalled(tc.since, time.Minute)) > 0; got != tc.stalled {
			t.Errorf("%s: stalled is %v", name, got)
		}
	}
}
