package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// A day may have any number of links. A checkpoint says where the next one is, so what is behind it does not matter.
// Before, the day was listed as a whole: 22 requests for 20,000 links, 102 for 100,000, with and without a checkpoint.
func TestOpeningAShardCostsNoMoreWithItsLinks(t *testing.T) {
	for _, n := range []int{1, 20_000, 100_000} {
		m := newMemory()
		s := memoryStore(m, nil)
		links := m.chain(t, s, place("100"), n)
		tip := links[n-1]
		for _, c := range []struct {
			name   string
			place  warehouse.Place // behind the checkpoint; zero: there is none
			found  bool
			atMost int
		}{
			{"checkpoint at the tip", tip.Next(), false, 1},
			{"checkpoint one link behind", tip.Place, true, 2},
			{"checkpoint at the first link", links[0].Place, true, 16},
			{"no checkpoint", warehouse.Place{}, true, 17},
		} {
			var got warehouse.Link
			var found bool
			var err error
			requests := m.counted(func() {
				if c.place.Shard == "" {
					got, found, err = s.Tip(t.Context(), shard)
				} else {
					got, found, err = s.Resume(t.Context(), c.place)
				}
			})
			t.Logf("%d links, %s: %d requests", n, c.name, requests)
			if err != nil || found != c.found || found && got != tip || requests > c.atMost {
				t.Errorf("%d links, %s: found %t %s, %v, with %d requests, want at most %d", n, c.name, found, got.Last, err, requests, c.atMost)
			}
		}
	}
}

// The link at the checkpoint's place may have changed the day, and so may the one after it have been committed: no more
// than that is ahead of a checkpoint, unless a backup was restored.
func TestLinksAheadOfACheckpointMayBeOnLaterDays(t *testing.T) {
	m := newMemory()
	s := memoryStore(m, nil)
	first := m.chain(t, s, place("100"), 3)[2]
	dayLink := batch(t, s, first.Next(), "2026-11-25")
	if outcome, err := s.Create(t.Context(), time.Now().Add(time.Hour), dayLink); outcome != warehouse.Done {
		t.Fatal(outcome, err)
	}
	other := memoryStore(m, func(c *warehouse.Config) { c.Format = warehouse.Parquet }) // the former run wrote it
	tip := m.link(t, other, s.Link(dayLink).Next(), "2026-11-25", "999999")
	var got warehouse.Link
	var err error
	requests := m.counted(func() { got, _, err = s.Resume(t.Context(), first.Next()) })
	if err != nil || got != tip || requests > 4 {
		t.Errorf("%+v, %v, with %d requests: %s", got, err, requests, strings.Join(m.requests, ", "))
	}
}

// Days cost nothing either, if the newest ones have links of the shard.
func TestOpeningAShardCostsNoMoreWithItsDays(t *testing.T) {
	m := newMemory()
	s := memoryStore(m, func(c *warehouse.Config) { c.Retention = 365 * 24 * time.Hour })
	at := place("100")
	var tip warehouse.Link
	for i := range 365 {
		next := warehouse.Day(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i))
		tip = m.link(t, s, at, next, sequence.Number(fmt.Sprint(1000+i)))
		at = tip.Next()
	}
	for name, c := range map[string]struct {
		open   func() (warehouse.Link, bool, error)
		found  bool
		atMost int
	}{
		"checkpoint":           {func() (warehouse.Link, bool, error) { return s.Resume(t.Context(), at) }, false, 1},
		"no checkpoint":        {func() (warehouse.Link, bool, error) { return s.Tip(t.Context(), shard) }, true, 3},
		"checkpoint of a year": {func() (warehouse.Link, bool, error) { return s.Resume(t.Context(), place("100")) }, true, 2*365 + 1},
	} {
		var got warehouse.Link
		var found bool
		var err error
		requests := m.counted(func() { got, found, err = c.open() })
		t.Logf("365 days, %s: %d requests", name, requests)
		if err != nil || found != c.found || found && got != tip || requests > c.atMost {
			t.Errorf("%s: %t %s, %v, with %d requests, want at most %d", name, found, got.Last, err, requests, c.atMost)
		}
	}
}

// Names that are no links may fill whole answers.
func TestForeignNamesAmongTheLinksArePassedOver(t *testing.T) {
	m := newMemory()
	s := memoryStore(m, nil)
	links := m.chain(t, s, place("100"), 3)
	for i := range 2500 {
		for _, l := range links {
			m.objects["b/"+strings.TrimSuffix(l.Key(), ".ndjson")+fmt.Sprint("-", i)] = nil
		}
	}
	m.keys = nil
	if got, ok, err := s.Resume(t.Context(), place("100")); err != nil || !ok || got != links[2] {
		t.Errorf("%s, %t, %v", got.Last, ok, err)
	}
	if got, ok, err := s.Tip(t.Context(), shard); err != nil || !ok || got != links[2] {
		t.Errorf("%s, %t, %v", got.Last, ok, err)
	}
}

// A former bucket that denies access stopped every shard for ever, with an error that ended the process if a HEAD was
// denied. It must not matter to a shard whose chain is here, and be told by name to the others.
func TestAFormerLocationThatDeniesAccess(t *testing.T) {
	gone := warehouse.Location{Bucket: "gone", Prefix: "records/"}
	for _, code := range []int{http.StatusForbidden, http.StatusMovedPermanently, http.StatusBadRequest} {
		m := newMemory()
		former := memoryStore(m, func(c *warehouse.Config) { c.Location = gone })
		s := memoryStore(m, func(c *warehouse.Config) { c.Locations = []warehouse.Location{gone, c.Location} })
		there := m.chain(t, former, place("100"), 2)[1]
		here := m.link(t, s, there.Next(), day, "5000")
		other := warehouse.Place{Shard: "shardId-000000000001", Previous: "7", Day: day}
		m.link(t, former, other, day, "8")

		if tip, ok, err := s.Resume(t.Context(), other); err != nil || !ok || tip.Last != "8" {
			t.Errorf("%s, %t, %v: the tip is at the former location", tip.Last, ok, err)
		}
		m.denied = map[string]int{"gone": code}
		for name, open := range map[string]func() (warehouse.Link, bool, error){
			"at the tip":    func() (warehouse.Link, bool, error) { return s.Resume(t.Context(), here.Next()) },
			"behind":        func() (warehouse.Link, bool, error) { return s.Resume(t.Context(), here.Place) },
			"no checkpoint": func() (warehouse.Link, bool, error) { return s.Tip(t.Context(), shard) },
		} {
			if tip, ok, err := open(); err != nil || ok != (name != "at the tip") || ok && tip != here {
				t.Errorf("%d, %s: %s, %t, %v: the chain is here", code, name, tip.Last, ok, err)
			}
		}
		var unreadable *warehouse.LocationError
		_, _, err := s.Resume(t.Context(), other)
		if !errors.As(err, &unreadable) || unreadable.Location != gone || !errors.Is(err, warehouse.ErrLocation) || errors.Is(err, warehouse.ErrFatal) ||
			!strings.Contains(err.Error(), "forget-location --app <application> s3://gone/records/") {
			t.Errorf("%d: %v: want the location by name, and what to do", code, err)
		}
		if _, _, err := s.Tip(t.Context(), other.Shard); !errors.As(err, &unreadable) {
			t.Errorf("%d, no checkpoint: %v", code, err)
		}
	}
}

// A location that does not answer now may hold the tip. It is not passed over.
func TestAFormerLocationThatDoesNotAnswer(t *testing.T) {
	gone := warehouse.Location{Bucket: "gone", Prefix: "records/"}
	m := newMemory()
	s := memoryStore(m, func(c *warehouse.Config) { c.Locations = []warehouse.Location{gone, c.Location} })
	here := m.link(t, s, place("100"), day, "101")
	m.denied = map[string]int{"gone": http.StatusServiceUnavailable}
	_, _, err := s.Resume(t.Context(), here.Next())
	if err == nil || errors.Is(err, warehouse.ErrLocation) || !strings.Contains(err.Error(), gone.String()) {
		t.Errorf("%v: want an error that may pass, with the location by name", err)
	}
	m.denied["gone"] = http.StatusNotFound // the bucket was removed
	if _, _, err := s.Resume(t.Context(), here.Next()); err != nil {
		t.Error(err)
	}
}

// Somebody else's objects at a former location wait for a person, too. They end no process.
func TestAFormerLocationOfSomebodyElse(t *testing.T) {
	gone := warehouse.Location{Bucket: "gone", Prefix: "records/"}
	m := newMemory()
	other := memoryStore(m, func(c *warehouse.Config) { c.Location, c.Application = gone, "another" })
	s := memoryStore(m, func(c *warehouse.Config) { c.Locations = []warehouse.Location{gone, c.Location} })
	m.link(t, other, place("100"), day, "101")
	_, _, err := s.Resume(t.Context(), place("100"))
	if !errors.Is(err, warehouse.ErrLocation) || errors.Is(err, warehouse.ErrFatal) {
		t.Error(err)
	}
}

// What was forgotten is not asked any more, at once.
func TestAForgottenLocationIsNotAsked(t *testing.T) {
	m := newMemory()
	gone := warehouse.Location{Bucket: "gone", Prefix: "records/"}
	remembered := []warehouse.Location{gone, {Bucket: "b", Prefix: "records/"}}
	s := memoryStore(m, func(c *warehouse.Config) { c.Locations = remembered })
	s.Remembered = func(context.Context) ([]warehouse.Location, error) { return remembered, nil }
	m.denied = map[string]int{"gone": http.StatusForbidden}
	if _, _, err := s.Resume(t.Context(), place("100")); err == nil {
		t.Fatal("no error")
	}
	remembered = remembered[1:]
	if _, _, err := s.Resume(t.Context(), place("100")); err != nil {
		t.Error(err)
	}
}
