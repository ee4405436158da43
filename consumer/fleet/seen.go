package fleet

import (
	"cmp"
	"slices"
	"time"

	"example.com/callevents/consumer/lease"
)

// seen is what the looks at the table have shown, and when things changed.
type seen struct {
	at      time.Time // of the last look
	workers map[string]*worker
	rows    map[string]lease.Row
}

// worker is a worker as the looks have shown it, by its ID.
type worker struct {
	row     lease.WorkerRow
	beat    time.Time // when its heartbeat was first seen as it is
	changed bool      // it was seen to change
	report  Report
	told    bool      // the report was readable
	written time.Time // when the report was first seen as it is
	shards  map[string]Figures
	slot    int
}

func newSeen() seen { return seen{workers: map[string]*worker{}, rows: map[string]lease.Row{}} }

// takeIn takes in a new look, and notes what has changed since the last one.
func (l *Lookout) takeIn(look look) {
	before := l.seen
	l.seen = newSeen()
	l.seen.at = look.at
	for _, row := range look.fleet.Shards {
		l.seen.rows[row.ShardID] = row
	}
	for _, row := range look.fleet.Workers {
		l.seen.workers[row.ID] = before.workers[row.ID].next(row, look.at)
	}
	for _, row := range look.fleet.Shards { // a worker of another kind, or of an earlier version, has no row
		if row.Owner != "" && !row.Finished() && l.seen.workers[row.Owner] == nil {
			absent := lease.WorkerRow{ID: row.Owner, Name: row.Owner}
			l.seen.workers[row.Owner] = before.workers[row.Owner].next(absent, look.at)
		}
	}
	l.seen.colour()
	for _, w := range l.seen.workers {
		for id, f := range w.shards {
			if l.figures[id].Shard == "" {
				l.curve(id).Set(look.at, f.Rate)
			}
		}
	}
	if !before.at.IsZero() {
		l.noteMoves(before, l.seen)
	}
}

// next returns the worker as a new look shows it; w is nil if it was not there before.
func (w *worker) next(row lease.WorkerRow, at time.Time) *worker {
	if w == nil {
		w = &worker{beat: at, written: at, slot: -1}
	} else {
		w = &worker{w.row, w.beat, w.changed, w.report, w.told, w.written, w.shards, w.slot}
	}
	if row.Heartbeat != w.row.Heartbeat && !w.beat.Equal(at) {
		w.beat, w.changed = at, true
	}
	if string(row.Report) != string(w.row.Report) || w.shards == nil {
		w.report, w.told = Decode(row.Report)
		w.written = at
		w.shards = make(map[string]Figures, len(w.report.Shards))
		for _, f := range w.report.Shards {
			w.shards[f.Shard] = f
		}
	}
	w.row = row
	return w
}

// slots is how many colours there are for workers.
const slots = 8

// colour gives each worker a colour that it keeps, the ones that the fewest have first.
func (s *seen) colour() {
	var taken [slots]int
	var fresh []*worker
	for _, w := range s.workers {
		if w.slot < 0 {
			fresh = append(fresh, w)
		} else {
			taken[w.slot]++
		}
	}
	slices.SortFunc(fresh, func(a, b *worker) int { return cmp.Compare(a.row.Name, b.row.Name) })
	for _, w := range fresh {
		for slot := range taken {
			if w.slot < 0 || taken[slot] < taken[w.slot] {
				w.slot = slot
			}
		}
		taken[w.slot]++
	}
}

// heartbeat is how long ago the worker was heard of. Before its heartbeat was seen to change, its own clock says it, if that
// can be.
func (w *worker) heartbeat(now time.Time) (ago time.Duration, known bool) {
	if w.row.Duration == 0 {
		return 0, false
	}
	ago = now.Sub(w.beat)
	if said := now.Sub(w.report.Written); !w.changed && w.told && said > ago && said < time.Hour {
		ago = said
	}
	return ago, true
}

// silent reports whether the worker was not heard of for its lease duration while this instance looked.
func (w *worker) silent(now time.Time) bool {
	return w.row.Duration > 0 && now.Sub(w.beat) > w.row.Duration
}

// age is how old the worker's figures are.
func (w *worker) age(now time.Time) time.Duration {
	ago, _ := w.heartbeat(now)
	if w.changed {
		return now.Sub(w.written)
	}
	return ago
}

// unnamed is the state of a shard that the worker has and does not name: the report has the worst first, and what does not
// fit is no worse.
func (w *worker) unnamed() State {
	named := w.report.Shards
	if len(named) > 0 && w.report.Held > len(named) && named[len(named)-1].State == Reading {
		return Reading
	}
	return Untold
}

// named returns the worker of that name which was heard of last; one without an ID if there is none.
func (s seen) named(name string) *worker {
	last := &worker{}
	for _, w := range s.workers {
		if w.row.Name == name && w.beat.After(last.beat) {
			last = w
		}
	}
	return last
}

func (s seen) nameOf(id string) string {
	if w := s.workers[id]; w != nil {
		return w.row.Name
	}
	return id
}
