package lease_test

import (
	"testing"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/sequence"
)

// A person who changes a checkpoint leaves its day alone. Then no link need end there, and the day means nothing.
func TestADayCountsOnlyWithItsCheckpoint(t *testing.T) {
	const day = "2026-11-24"
	for _, c := range []struct {
		row lease.Row
		at  sequence.Number
		day string
		ok  bool
	}{
		{lease.Row{}, "", "", true},
		{lease.Row{Checkpoint: "17", CheckpointDay: day, DayOfCheckpoint: "17"}, "17", day, true},
		{lease.Row{Checkpoint: "16", CheckpointDay: day, DayOfCheckpoint: "17"}, "16", "", true},
		{lease.Row{Checkpoint: "17", CheckpointDay: day}, "17", "", true}, // of an older version
		{lease.Row{Checkpoint: "17"}, "17", "", true},                     // of the stock library
		{lease.Row{CheckpointDay: day}, "", "", true},
		{lease.Row{Checkpoint: lease.TrimHorizon, CheckpointDay: day, DayOfCheckpoint: lease.TrimHorizon}, "", "", true},
		{lease.Row{Checkpoint: lease.ShardEnd, CheckpointDay: day, DayOfCheckpoint: lease.ShardEnd}, "", "", false},
	} {
		at, day, err := c.row.Position()
		if at != c.at || day != c.day || (err == nil) != c.ok {
			t.Errorf("%+v: %s on %q, %v", c.row, at, day, err)
		}
	}
}
