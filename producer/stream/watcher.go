package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/route"
)

// The shard map is read again every refreshInterval, less up to half of it at random so that many producers do not
// ask together, and soon after a record came out on an unexpected shard; never more often than minRefresh.
const (
	refreshInterval = time.Minute
	minRefresh      = time.Second
)

// Lister reads the open shards; Manager is one.
type Lister interface {
	Shards(ctx context.Context) ([]route.Shard, error)
}

// Map is told of every reading; route.Router is one.
type Map interface {
	Use(shards []route.Shard) (changed bool)
	Version() uint64
}

// Watcher keeps a shard map up to date.
type Watcher struct {
	lister  Lister
	shards  Map
	log     logrus.FieldLogger
	suspect chan uint64 // map version; holds one: any number of suspicions make one reading
}

// NewWatcher returns a watcher that reads nothing until Load or Run.
func NewWatcher(lister Lister, shards Map, log logrus.FieldLogger) *Watcher {
	return &Watcher{lister: lister, shards: shards, log: log, suspect: make(chan uint64, 1)}
}

// Load reads the first map. A listing that is in the middle of a reshard is tried again for a while.
func (w *Watcher) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for {
		shards, err := w.lister.Shards(ctx)
		if err == nil {
			w.shards.Use(shards)
			return nil
		}
		if !errors.Is(err, ErrIncomplete) || !sleep(ctx, minRefresh) {
			return fmt.Errorf("read shard map: %w", err)
		}
	}
}

// Misrouted says that a record routed with the map of that version came out on another shard than the map says.
// A map that has been replaced since is under no suspicion. Safe for concurrent use; never blocks.
func (w *Watcher) Misrouted(mapVersion uint64) {
	if mapVersion < w.shards.Version() {
		return
	}
	select {
	case w.suspect <- mapVersion:
	default:
	}
}

// Run reads the map again as told above until ctx is done. A reading that fails leaves the map as it was.
func (w *Watcher) Run(ctx context.Context) {
	for sleep(ctx, minRefresh) && w.await(ctx, refreshInterval-rand.N(refreshInterval/2)) {
		shards, err := w.lister.Shards(ctx)
		if err != nil {
			if ctx.Err() == nil {
				w.log.WithError(err).Warn("shard map not read, the old one stays in use")
				w.Misrouted(w.shards.Version()) // ask again after minRefresh, not after refreshInterval
			}
			continue
		}
		if w.shards.Use(shards) {
			w.log.WithField("shards", len(shards)).Info("the stream was resharded")
		}
	}
}

// await ends after d, or as soon as the map in use is under suspicion. It reports false if ctx ended.
func (w *Watcher) await(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case version := <-w.suspect:
			if version >= w.shards.Version() { // not replaced while the suspicion waited
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// sleep reports false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
