package pipeline_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// world is one shard, its bucket, its lease row and its workers, under a driver that decides everything that could
// happen in any order. Nothing in it is random: the same script makes the same history.
type world struct {
	network network
	stream  stream
	past    []stream // shards that have ended
	bucket  bucket
	row     row
	former  []row // for a restore from a backup
	workers []*worker
	layout  int // that of workers to come
	written []warehouse.Location
	running sync.WaitGroup
	log     func(format string, args ...any)
}

// row is the lease row. Only its owner can write the checkpoint.
type row struct {
	owner      int
	checkpoint string
	day        string
	dayOf      string // the checkpoint that the day was stored with, see lease.Row
}

// worker is one incarnation: a goroutine that has, or had, the lease.
type worker struct {
	world *world
	id    int
	kill  context.CancelFunc // SIGKILL
	term  context.CancelFunc // SIGTERM, while something is under way: drain
	ended chan struct{}

	leased context.Context // ends when the worker learns that it has lost the lease
	lose   context.CancelCauseFunc
}

var errFenced = errors.New("another worker owns the lease")

var errLost = errors.New("lease lost")

// Deadline is far off: trust has a test of its own.
func (w *worker) Deadline() time.Time { return time.Now().Add(1000 * time.Hour) }

func (w *worker) Checkpoint(ctx context.Context, at sequence.Number, day string) error {
	return w.checkpoint(ctx, at.String(), day)
}

func (w *worker) Finish(ctx context.Context, day string) error {
	return w.checkpoint(ctx, "SHARD_END", day)
}

func (w *worker) checkpoint(ctx context.Context, checkpoint, day string) error {
	_, err := w.world.network.send(ctx, w.id, "CHECKPOINT "+checkpoint, func() (any, error) {
		r := &w.world.row
		if r.owner != w.id {
			return nil, errFenced
		}
		if ahead(checkpoint, r.checkpoint) {
			w.world.former = append(w.world.former, *r)
			r.checkpoint, r.day, r.dayOf = checkpoint, day, checkpoint
		}
		return nil, nil
	})
	return err
}

func ahead(checkpoint, stored string) bool {
	return stored != "SHARD_END" && (checkpoint == "SHARD_END" || sequence.Number(checkpoint).After(sequence.Number(stored)))
}

// alive reports whether the worker's goroutine runs.
func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// turn is what a worker waits for between two pages: what it reads next, or that it is to hand over.
type turn struct {
	records, overlap int
	drain            bool
	finish           bool
}

// quiet drops logs and shares metrics: they are no part of a history.
var (
	quietLog         = logrus.NewEntry(&logrus.Logger{Out: io.Discard, Level: logrus.PanicLevel})
	pipelineMetrics  = pipeline.NewMetrics(prometheus.NewRegistry())
	warehouseMetrics = warehouse.NewMetrics(prometheus.NewRegistry())
)

// locations are where links may be, and layouts how workers may be told to write them.
var (
	locations = []warehouse.Location{{Bucket: "b", Prefix: "r/"}, {Bucket: "b", Prefix: "s/"}}
	layouts   = []struct {
		warehouse.Location
		errorsPrefix string
		format       warehouse.Format
	}{
		{locations[0], "e/", warehouse.NDJSON},
		{locations[1], "f/", warehouse.NDJSON},
		{locations[0], "f/", warehouse.NDJSONGzip},
	}
)

const flushInterval = 30 * time.Second

// acquire starts a worker that takes the lease, whoever has it.
func (w *world) acquire() *worker {
	ctx, kill := context.WithCancel(context.Background())
	work, term := context.WithCancel(ctx)
	v := &worker{world: w, id: len(w.workers) + 1, kill: kill, term: term, ended: make(chan struct{})}
	v.leased, v.lose = context.WithCancelCause(ctx)
	w.workers = append(w.workers, v)
	w.row.owner = v.id
	l := layouts[w.layout]
	w.written = append(w.written, l.Location)
	store := warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "stream", Writer: string(rune('A' - 1 + v.id%26)),
		Location: l.Location, ErrorsPrefix: l.errorsPrefix, Format: l.format, Locations: w.written,
		Timeout: 1000 * time.Hour, Retention: 24 * time.Hour,
	}, &s3Client{&w.network, &w.bucket, v.id}, warehouseMetrics, quietLog)
	now := shards[w.stream.shard].Shard
	now.StartingSequenceNumber = startNumber
	shard := pipeline.New(pipeline.Config{
		Parents: parents, FlushInterval: flushInterval, FlushRecords: 4, Store: store, Metrics: pipelineMetrics, Log: quietLog,
		DistributesItself: func() bool { return v.id%3 == 0 }, // it was changed, and not all have seen it
	}, now, v, stall.NewTracker(stall.After))
	from := w.row
	w.running.Go(func() {
		defer close(v.ended)
		err := v.run(work, shard, from)
		if work.Err() != nil && ctx.Err() == nil {
			w.log("      worker %d drains: %v", v.id, err)
			err = shard.Drain(v.leased)
		}
		if err != nil {
			w.log("      worker %d ends: %v", v.id, err)
		}
	})
	return v
}

// run is what consumer/kcl does with a shard.
func (v *worker) run(ctx context.Context, shard *pipeline.Pipeline, from row) error {
	at, day, err := lease.Row{Checkpoint: from.checkpoint, CheckpointDay: from.day, DayOfCheckpoint: from.dayOf}.Position()
	if err != nil {
		return err // SHARD_END
	}
	for {
		err := shard.Open(ctx, at, day)
		if err == nil {
			break
		}
		if _, err := v.world.network.send(ctx, v.id, "REOPEN", func() (any, error) { return nil, err }); ctx.Err() != nil {
			return err
		}
	}
	for {
		next, err := v.world.network.send(ctx, v.id, "TURN", func() (any, error) { return turn{}, nil })
		if err != nil {
			return err
		}
		t := next.(turn)
		if t.drain {
			return shard.Drain(v.leased)
		}
		if page := v.world.stream.read(shard.Position(), t.records, t.overlap); len(page) > 0 || !t.finish {
			if err := shard.Process(v.leased, page, time.Time{}); err != nil {
				return err
			}
			continue
		}
		if finished, err := shard.Finish(v.leased, shard.Position()); finished || err != nil {
			return err
		}
	}
}

// resolve decides about one request.
func (w *world) resolve(r *request, fate byte, t turn) {
	if r.what == "TURN" {
		w.network.take(r, false)
		w.log("%d  reads %+v", r.worker, t)
		r.answer <- answer{value: t}
		return
	}
	w.network.take(r, fate == fateHang)
	w.log("%d  %s: %s", r.worker, r.what, []string{"done", "refused", "applied, answer lost", "hangs"}[fate])
	var a answer
	switch fate {
	case fateDone:
		a.value, a.err = r.apply()
	case fateFail:
		a.err = []error{httpError(http.StatusServiceUnavailable), httpError(http.StatusConflict), errTimeout}[len(r.what)%3]
	case fateLost:
		_, _ = r.apply()
		a.err = errTimeout
	case fateHang:
		a.err = errTimeout
	}
	r.answer <- a
}

// What becomes of a request.
const (
	fateDone byte = iota
	fateFail      // not applied, and an answer that says nothing about it
	fateLost      // applied, but the answer is lost
	fateHang      // answered with a time-out, and perhaps applied later
)

// relayout stops all workers, so that none of their requests is on its way, and has those to come write elsewhere or
// otherwise.
func (w *world) relayout(arg int) {
	w.stopAll()
	if arg%2 == 0 { // they came through after all
		for _, r := range w.network.lateRequests() {
			w.network.deliver(r)
		}
	}
	w.network.late = nil
	w.layout = arg % len(layouts)
	w.log("-  layout: %+v", layouts[w.layout])
}

// stopAll kills all workers.
func (w *world) stopAll() {
	for _, v := range w.workers {
		v.kill()
	}
	w.wait()
}

// wait lets everybody run until nobody can without the driver.
func (w *world) wait() { synctest.Wait() }

// stop ends all goroutines.
func (w *world) stop() {
	for _, v := range w.workers {
		v.kill()
	}
	w.running.Wait()
}
