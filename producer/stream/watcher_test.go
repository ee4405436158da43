package stream_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/route"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/hashkey"
)

// listing is what ListShards would tell.
type listing struct {
	read   atomic.Int64
	shards atomic.Pointer[[]route.Shard]
	err    atomic.Pointer[error]
}

func (l *listing) Shards(context.Context) ([]route.Shard, error) {
	l.read.Add(1)
	if err := l.err.Load(); err != nil {
		return nil, *err
	}
	return *l.shards.Load(), nil
}

func (l *listing) becomes(ids ...string) {
	var shards []route.Shard
	for i, id := range ids {
		shards = append(shards, route.Shard{ID: id, HashKeys: hashkey.Range{First: hashkey.FromWords(uint64(i), 0), Last: hashkey.FromWords(uint64(i), ^uint64(0))}})
	}
	l.shards.Store(&shards)
}

// watching runs a watcher in the bubble until the test ends.
func watching(t *testing.T) (*listing, *route.Router, *stream.Watcher) {
	t.Helper()
	log, _ := test.NewNullLogger()
	l, router := &listing{}, route.New(1)
	l.becomes("a", "b")
	w := stream.NewWatcher(l, router, log)
	if err := w.Load(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	go w.Run(t.Context())
	return l, router, w
}

func TestAnyNumberOfMisroutingsMakeOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, router, w := watching(t)
		time.Sleep(10 * time.Second)
		l.becomes("a", "b1", "b2")
		before := l.read.Load()
		for range 1000 {
			w.Misrouted(1)
		}
		synctest.Wait()
		if read := l.read.Load() - before; read != 1 || router.Version() != 2 {
			t.Errorf("%d readings, map version %d", read, router.Version())
		}
		for range 1000 { // records routed before, still coming back
			w.Misrouted(1)
		}
		time.Sleep(10 * time.Second)
		if read := l.read.Load() - before; read != 1 {
			t.Errorf("%d readings for the old map", read)
		}
	})
}

// A listing may lag behind: the map is read again, but not in a storm.
func TestAListingThatLagsIsReadOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, router, w := watching(t)
		for range 1000 { // ten seconds
			w.Misrouted(1)
			time.Sleep(10 * time.Millisecond)
		}
		if read := l.read.Load(); read < 8 || read > 12 {
			t.Errorf("%d readings in ten seconds", read)
		}
		l.becomes("c")
		w.Misrouted(1)
		time.Sleep(2 * time.Second)
		if router.Version() != 2 {
			t.Error("the reshard was not seen")
		}
	})
}

func TestTheMapIsReadFromTimeToTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, router, _ := watching(t)
		l.becomes("c")
		time.Sleep(62 * time.Second)
		if router.Version() != 2 {
			t.Error("the reshard was not seen within a minute")
		}
		before := l.read.Load()
		time.Sleep(time.Hour)
		if read := l.read.Load() - before; read < 58 || read > 120 {
			t.Errorf("%d readings in an hour", read)
		}
	})
}

func TestAFailedReadingKeepsTheMapAndIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, router, w := watching(t)
		broken := errors.New("broken")
		l.err.Store(&broken)
		l.becomes("c")
		time.Sleep(2 * time.Second)
		w.Misrouted(1)
		time.Sleep(3 * time.Second)
		if router.Next().ShardID == "c" || router.Version() != 1 {
			t.Error("the map changed by a failed reading")
		}
		l.err.Store(nil)
		time.Sleep(3 * time.Second)
		if router.Version() != 2 {
			t.Error("the reading was not repeated")
		}
	})
}

func TestLoadWaitsForTheEndOfAReshardButNotForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := test.NewNullLogger()
		l, router := &listing{}, route.New(1)
		l.becomes("a")
		l.err.Store(&stream.ErrIncomplete)
		time.AfterFunc(5*time.Second, func() { l.err.Store(nil) })
		if err := stream.NewWatcher(l, router, log).Load(t.Context(), time.Minute); err != nil || router.Version() != 1 {
			t.Errorf("Load: %v", err)
		}
		broken := errors.New("no permission")
		l.err.Store(&broken)
		start := time.Now()
		if err := stream.NewWatcher(l, router, log).Load(t.Context(), time.Minute); !errors.Is(err, broken) || time.Since(start) > 0 {
			t.Errorf("Load: %v after %s", err, time.Since(start))
		}
	})
}
