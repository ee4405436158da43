package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/route"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/wait"
)

// The shards are listed again every refreshInterval, less up to half of it at random, so that many producers do not ask
// at the same time. They are listed sooner after a record came out on an unexpected shard. Two listings are at least
// minRefresh apart.
const (
	refreshInterval = time.Minute
	minRefresh      = time.Second
)

// Lister lists the open shards; Manager is one.
type Lister interface {
	Shards(ctx context.Context) ([]route.Shard, error)
}

// Map is given every listing; route.Router is one. It must be safe for concurrent use.
type Map interface {
	Use(shards []route.Shard) (changed bool)
	Version() uint64
}

// Watcher keeps a shard map up to date.
type Watcher struct {
	lister Lister
	shards Map
	log    logrus.FieldLogger

	misrouted   wait.Signal   // records came out on unexpected shards; any number of them make one listing
	misroutedBy atomic.Uint64 // version of the map that routed the last of them
}

// NewWatcher returns a watcher that lists nothing before Load or Run.
func NewWatcher(lister Lister, shards Map, log logrus.FieldLogger) *Watcher {
	return &Watcher{lister: lister, shards: shards, log: log, misrouted: wait.NewSignal()}
}

// Load reads the first map. An incomplete listing, and what else may pass by itself, is waited for.
func (w *Watcher) Load(ctx context.Context, timeout time.Duration) error {
	return startup.Wait(ctx, w.log, "the list of the shards", timeout, func(ctx context.Context) error {
		shards, err := w.lister.Shards(ctx)
		if errors.Is(err, ErrIncomplete) {
			return startup.NotYet("read shard map: %w", err)
		}
		if err != nil {
			return fmt.Errorf("read shard map: %w", err)
		}
		w.shards.Use(shards)
		return nil
	})
}

// Misrouted says that a record came out on another shard than the map of that version says. If the map has been replaced
// since, nothing follows. Safe for concurrent use; it returns at once.
func (w *Watcher) Misrouted(mapVersion uint64) {
	if mapVersion < w.shards.Version() {
		return
	}
	w.misroutedBy.Store(mapVersion)
	w.misrouted.Set()
}

// Run keeps the map up to date until ctx ends. After a listing that failed the map stays as it was.
func (w *Watcher) Run(ctx context.Context) {
	for wait.For(ctx, minRefresh) == nil && w.untilNext(ctx) == nil {
		shards, err := w.lister.Shards(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.log.WithError(err).Warn("shards not listed, the old shard map stays in use")
			w.Misrouted(w.shards.Version()) // try again after minRefresh, not after refreshInterval
			continue
		}
		if w.shards.Use(shards) {
			w.log.WithField("shards", len(shards)).Info("the stream was resharded")
		}
	}
}

// untilNext waits until the next listing is due: for about refreshInterval, or until the map in use misroutes.
func (w *Watcher) untilNext(ctx context.Context) error {
	due := time.Now().Add(refreshInterval - rand.N(refreshInterval/2))
	for {
		if err := w.misrouted.Wait(ctx, time.Until(due)); err != nil {
			return err
		}
		outdated := w.misroutedBy.Load() >= w.shards.Version() // otherwise the map was replaced after the signal was set
		if outdated || !time.Now().Before(due) {
			return nil
		}
	}
}
