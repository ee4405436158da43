package lease // inside the package: the small types of the manager are not exported

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

func newTestCleaner(table Table) *cleaner {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return newCleaner(testConfig, table, prometheus.NewCounter(prometheus.CounterOpts{Name: "lost"}), logrus.NewEntry(log))
}

// Seen to fail without each of the conditions, when the time of the look counts in place of the time of the listing, and
// when a shard that was listed again is not missed anew.
func TestRowsAreDeletableTwoLeaseDurationsAfterTheirShards(t *testing.T) {
	rows := []Row{{ShardID: "listed", Counter: 1}, {ShardID: "gone", Counter: 1}, {ShardID: "back", Counter: 1},
		{ShardID: "owned", Counter: 1, Owner: "a"}, {ShardID: "held", Counter: 1, Owner: "me"},
		{ShardID: workerPrefix + "me", Counter: 1}, {ShardID: workerPrefix + "dead", Counter: 1}}
	s, c := newSightings(testConfig), newTestCleaner(nil)
	for second := range 50 {
		rows[3].Counter++
		s.observe(rows, nil, at(second))
		shards := []Shard{{ID: "listed"}}
		if second == 15 {
			shards = append(shards, Shard{ID: "back"})
		}
		listed := at(second - second%5) // every 5 s
		want := map[string]bool{"gone": second >= 25, "back": second >= 40, workerPrefix + "dead": second >= 21}
		maps.DeleteFunc(want, func(_ string, deletable bool) bool { return !deletable })
		got := map[string]bool{}
		for _, row := range c.deletable(s, holding{"held": false}, shards, listed, at(second)) {
			got[row.ShardID] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("after %d s: %v, want %v", second, got, want)
		}
	}
}

// failing fails the deletions of some rows.
type failing struct {
	Table
	errs  map[string]error
	tried []string
}

func (f *failing) Delete(_ context.Context, seen Row) error {
	f.tried = append(f.tried, seen.ShardID)
	return f.errs[seen.ShardID]
}

// Seen to fail when a row that has changed stops it, and when a table that does not answer does not.
func TestCleanUpStopsWhenTheTableDoesNotAnswer(t *testing.T) {
	table := &failing{errs: map[string]error{"b": ErrRefused, "c": errors.New("no answer")}}
	newTestCleaner(table).delete(t.Context(), []Row{{ShardID: "a"}, {ShardID: "b"}, {ShardID: "c"}, {ShardID: "d"}})
	if want := []string{"a", "b", "c"}; !slices.Equal(table.tried, want) {
		t.Errorf("tried %v, want %v", table.tried, want)
	}
}
