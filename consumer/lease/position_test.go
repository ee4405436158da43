package lease_test

import (
	"testing"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/sequence"
)

// A person who changes a checkpoint leaves its day alone. Then no link need end there, and the day means nothing.
func TestADayCountsOnlyWithItsCheckpoint(t *testing.T) {
	for _, c := range []struct {
		row lease.Row
		at  sequence.Number
		day string
		ok  bool
	}{
		{lease.Row{}, "", "", true},
		{lease.Row{Checkpoint: "17", CheckpointDay: "2026-11-24/17"}, "17", "2026-11-24", true},
		{lease.Row{Checkpoint: "16", CheckpointDay: "2026-11-24/17"}, "16", "", true},
		{lease.Row{Checkpoint: "7", CheckpointDay: "2026-11-24/17"}, "7", "", true},
		{lease.Row{Checkpoint: "17", CheckpointDay: "2026-11-24"}, "17", "", true}, // of an older version
		{lease.Row{Checkpoint: "17"}, "17", "", true},                              // of the stock library
		{lease.Row{CheckpointDay: "2026-11-24/"}, "", "", true},
		{lease.Row{Checkpoint: lease.TrimHorizon, CheckpointDay: "2026-11-24/" + lease.TrimHorizon}, "", "", true},
		{lease.Row{Checkpoint: lease.ShardEnd, CheckpointDay: "2026-11-24/" + lease.ShardEnd}, "", "", false},
	} {
		at, day, err := c.row.Position()
		if at != c.at || day != c.day || (err == nil) != c.ok {
			t.Errorf("%+v: %s on %q, %v", c.row, at, day, err)
		}
	}
}
