package lease

import (
	"context"
	crypto "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// workerPrefix begins the keys of worker rows.
const workerPrefix = "_worker/"

// Attributes of a worker's row, beside the duration.
const (
	attrName   = "Name"
	attrBeat   = "Heartbeat"
	attrFenced = "Fenced"
	attrAsked  = "Asked"
	attrReport = "Report"
)

// WorkerRow is what a worker's row says.
type WorkerRow struct {
	ID        string        // 8 characters, new at each start and after each fence: what shards' rows have for an owner
	Name      string        // [Config.WorkerID]
	Heartbeat uint64        // grows by one with each heartbeat
	Duration  time.Duration // its lease duration
	Report    []byte
}

// workerRow is a WorkerRow with what only the protocol needs. The zero value: there is no row.
type workerRow struct {
	WorkerRow
	fenced bool
	asked  []string // shards that others wait for
}

// decodeWorker returns false if the key is none of a worker's row, or there is no row.
func decodeWorker(key string, i Item) (workerRow, bool) {
	id, ok := strings.CutPrefix(key, workerPrefix)
	return workerRow{
		WorkerRow: WorkerRow{ID: id, Name: i.text(attrName), Heartbeat: uint64(i.number(attrBeat)),
			Duration: parseDuration(i.text(attrDuration), time.Minute), Report: i.binary(attrReport)},
		fenced: i.number(attrFenced) != 0, asked: i.names(attrAsked),
	}, ok && len(i) > 0
}

// life is a worker's time under one id. While it lasts, the worker's leases are trusted, by heartbeats in its row. It ends for
// good: when somebody has fenced it, when its row is gone or has gone back, or when no heartbeat was confirmed in time. Safe for
// concurrent use.
type life struct {
	cfg   Config
	table rows
	log   *logrus.Entry
	id    string
	asked func(shards []string) // others wait for these
	over  chan struct{}
	hurry wait.Signal // the next heartbeat is due now

	mu       sync.Mutex // guards what follows
	beat     int64      // of the last heartbeat that was confirmed
	firstTry time.Time  // of the heartbeats since; zero: there was none, or its outcome is known
	deadline time.Time
	reason   lostReason // why it is over
	clean    bool       // the next heartbeat says that the question was heard
}

// errFenced means that a life is over.
var errFenced = errors.New("this worker was fenced")

// begin makes the row of a new life. The id is new with each attempt, so it does not matter what became of the last one.
func begin(ctx context.Context, cfg Config, table rows, asked func(shards []string), log *logrus.Entry) (*life, error) {
	l := &life{cfg: cfg, table: table, id: strings.ToLower(crypto.Text()[:8]), beat: 1, asked: asked, over: make(chan struct{}), hurry: wait.NewSignal()}
	l.log = log.WithField("lease_owner", l.id)
	started := time.Now()
	_, err := table.Update(ctx, Write{Key: workerPrefix + l.id, If: []Condition{{Kind: Absent}}, Set: Item{
		attrName: cfg.WorkerID, attrDuration: cfg.Duration.String(), attrBeat: l.beat}})
	if err != nil {
		return nil, fmt.Errorf("make worker row: %w", err)
	}
	l.deadline = started.Add(cfg.trust())
	return l, nil
}

// Deadline ends the trust window of all leases of this life. Zero once it is over.
func (l *life) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// keep makes heartbeats until the life is over or ctx ends. It has a goroutine of its own, so that nothing else delays them.
func (l *life) keep(ctx context.Context) {
	// From the start of the last one on, and the first one earlier: workers that start together do not beat together.
	next := l.Deadline().Add(l.cfg.beatEvery() - l.cfg.trust() - rand.N(l.cfg.beatEvery()/2))
	for {
		timer := time.NewTimer(min(time.Until(next), time.Until(l.Deadline())))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.over:
			timer.Stop()
			return
		case <-l.hurry:
			timer.Stop()
		case <-timer.C:
		}
		if !time.Now().Before(l.Deadline()) {
			l.end(lostUnrenewed)
			return
		}
		started := time.Now()
		callCtx, cancel := context.WithDeadline(ctx, l.Deadline())
		err := l.renew(callCtx, started)
		cancel()
		next = started.Add(l.cfg.beatEvery())
		if err != nil {
			next = time.Now().Add(l.cfg.retryPause())
			if ctx.Err() == nil && !errors.Is(err, errFenced) {
				l.log.WithError(err).WithField("trusted_until", l.Deadline()).Warn("heartbeat not confirmed, trying again while the leases are trusted")
			}
		}
	}
}

// renew makes one heartbeat. Nobody else counts this row up. So if it was refused and stands one further, an earlier heartbeat
// was applied whose answer is not here, and others may count from its start on.
func (l *life) renew(ctx context.Context, started time.Time) error {
	l.mu.Lock()
	beat := l.beat
	if l.firstTry.IsZero() {
		l.firstTry = started
	}
	since := l.firstTry
	w := Write{Key: workerPrefix + l.id, If: []Condition{equals(attrBeat, beat), equals(attrFenced, int64(0))},
		Set: Item{attrBeat: beat + 1}}
	if l.clean {
		w.Set[attrAsked] = ""
	}
	l.mu.Unlock()
	if l.cfg.Report != nil {
		if report := l.cfg.Report(); len(report) > 0 && len(report) <= ReportBytes {
			w.Set[attrReport] = report
		} else {
			w.Set[attrReport] = ""
		}
	}
	item, err := l.table.Update(ctx, w)
	if err == nil {
		since = started
	} else if item, err = l.outcome(ctx, beat, err); err != nil {
		return err
	}
	row, _ := decodeWorker(w.Key, item)
	l.confirmed(beat+1, since.Add(l.cfg.trust()), len(row.asked) > 0)
	if len(row.asked) > 0 {
		l.asked(row.asked)
	}
	return nil
}

// outcome returns the row if the heartbeat after beat is in it.
func (l *life) outcome(ctx context.Context, beat int64, cause error) (Item, error) {
	if errors.Is(cause, ErrTableMissing) {
		l.end(lostGone)
		return nil, errFenced
	}
	if !errors.Is(cause, ErrRefused) {
		return nil, cause
	}
	key := workerPrefix + l.id
	items, err := l.table.Get(ctx, true, key)
	item, read := items[key]
	if err != nil || !read {
		return nil, errors.Join(cause, err)
	}
	row, exists := decodeWorker(key, item)
	switch {
	case row.fenced:
		l.end(lostFenced)
		return nil, errFenced
	case exists && int64(row.Heartbeat) == beat+1:
		return item, nil
	}
	l.end(lostGone)
	return nil, errFenced
}

func (l *life) confirmed(beat int64, deadline time.Time, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat, l.firstTry, l.clean = beat, time.Time{}, asked
	if l.reason == "" {
		l.deadline = deadline
	}
}

// end ends the life, once.
func (l *life) end(reason lostReason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == "" {
		l.reason, l.deadline = reason, time.Time{}
		close(l.over)
	}
}

// ended returns why the life is over; empty while it lasts.
func (l *life) ended() lostReason {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}

// leave ends the row at the exit of the worker. If all leases were released it is deleted. Else it is fenced, so that nobody
// has to wait for what is left.
func (l *life) leave(ctx context.Context, released bool) error {
	l.end(lostReleased)
	if released {
		return l.table.Delete(ctx, workerPrefix+l.id)
	}
	return fenceOwn(ctx, l.table, l.id)
}

// fenceOwn fences an id of this very worker. Its life is over, so no condition is needed but that there is a row.
func fenceOwn(ctx context.Context, table rows, id string) error {
	_, err := table.Update(ctx, Write{Key: workerPrefix + id, If: []Condition{{Kind: Present}}, Set: Item{attrFenced: int64(1)}})
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrTableMissing) {
		return nil // the row is gone
	}
	return err
}
