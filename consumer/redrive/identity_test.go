package redrive_test

import (
	"testing"

	"example.com/callevents/consumer/redrive"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/identity"
)

// A redrive is a new record: it has neither the identity nor the mark that the rejected one had. Otherwise the consumer would
// drop it. Seen to fail with the key as it was.
func TestARedriveHasNoIdentity(t *testing.T) {
	id := identity.ID{Lane: identity.Lane{Run: 1, Word: 2}, Number: 3}
	a, b := entry(transform.NotJSON, "a"), entry(transform.NotJSON, "b")
	a.PartitionKey, b.PartitionKey = id.Key(false), id.Key(true)
	client := newBucket(t, map[string][]warehouse.DeadLetter{"dt=2026-11-23/shardId-000000000000-after-1.ndjson": {a, b, entry(transform.NotJSON, "c")}})
	s := &stream{}
	if _, err := run(t, client, s, redrive.Config{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"77", "77", "key of c"} {
		if got := *s.taken[i].PartitionKey; got != want {
			t.Errorf("%s is put under %s, want %s", s.taken[i].Data, got, want)
		}
	}
}
