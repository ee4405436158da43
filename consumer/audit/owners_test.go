package audit_test

import (
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
)

// Applications share an errors prefix. Seen to report the dead letters of all others as those of no link.
func TestDeadLettersOfAnotherApplicationAreNotLookedAt(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	place := warehouse.Place{Shard: "shardId-000000000000", Previous: "100", Day: "2026-11-23"}
	for prefix, faults := range map[string]int{"errors/another/": 0, "errors/app/": 1, "errors/": 1} {
		key := place.Key(prefix, warehouse.NDJSON)
		w.put(t, key, "", nil)
		if got := w.verify(t, false).Faults[audit.DeadLetterFaults]; got != faults {
			t.Errorf("%s: %d faults, want %d", key, got, faults)
		}
		w.remove(t, key)
	}
}
