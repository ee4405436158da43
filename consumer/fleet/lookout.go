package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/series"
	"example.com/callevents/shared/wait"
)

// Config says which application is shown, and to whom it belongs.
type Config struct {
	Application string
	Stream      string
	Worker      string // name of this instance; "": it is none
	Version     string // of this program
	Started     time.Time
}

// Own is what this instance knows exactly.
type Own struct {
	Shards    []OwnShard
	All       *Standstill   // nothing can be acquired
	Listed    []Listed      // the stream's shards; nil: not listed yet
	Retention time.Duration // of the stream; 0: not known
}

// OwnShard is a shard that this instance reads.
type OwnShard struct {
	ID       string
	Records  uint64 // read since the lease was acquired
	Behind   time.Duration
	Oldest   time.Duration
	Blocked  *Standstill // nil: it moves
	Counter  int64
	Position string // checkpoint
}

// Standstill is why a shard stands still.
type Standstill struct {
	Reason stall.Reason
	Since  time.Time
	Error  string
}

// Lookout is the fleet as one instance sees it. It remembers what it has seen: rates for the curves, who owned what, and what
// happened. All methods are safe for concurrent use.
type Lookout struct {
	cfg   Config
	table *tableReader

	mu      sync.Mutex // guards what follows
	own     Own
	reads   map[string]OwnShard      // own shards, as of the last sample
	figures map[string]Figures       // of the same
	meters  map[string]*series.Meter // of own shards
	curves  map[string]*series.Curve
	stored  map[string]time.Time // newest object of a shard that this instance stored
	stands  map[string]Standstill
	objects []Object
	events  []Event // newest first
	seen    seen
}

// New returns a lookout over no table yet.
func New(cfg Config) *Lookout {
	return &Lookout{cfg: cfg, table: &tableReader{}, figures: map[string]Figures{}, meters: map[string]*series.Meter{},
		curves: map[string]*series.Curve{}, stored: map[string]time.Time{}, stands: map[string]Standstill{}, seen: newSeen()}
}

// Run samples what this instance knows each two seconds, until ctx ends.
func (l *Lookout) Run(ctx context.Context, own func() Own) {
	for {
		l.Sample(own())
		if wait.For(ctx, series.SampleEvery) != nil {
			return
		}
	}
}

// Sample takes in what this instance knows now.
func (l *Lookout) Sample(own Own) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.noteReshard(l.own.Listed, own.Listed, now)
	l.own = own
	reads := make(map[string]OwnShard, len(own.Shards))
	figures, meters := make(map[string]Figures, len(own.Shards)), make(map[string]*series.Meter, len(own.Shards))
	for _, s := range own.Shards {
		m := l.meters[s.ID]
		if m == nil {
			m = &series.Meter{}
		}
		meters[s.ID] = m
		f := Figures{Shard: s.ID, State: Reading, Rate: m.Rate(now, s.Records), Behind: s.Behind, Oldest: s.Oldest, Newest: l.stored[s.ID]}
		switch {
		case s.Blocked != nil:
			f.State, f.Reason = Blocked, s.Blocked.Reason
		case s.Behind >= catchingUpFrom && f.Rate == 0 && m.Full():
			f.State = Stalled
		case s.Behind >= catchingUpFrom:
			f.State = CatchingUp
		}
		reads[s.ID], figures[s.ID] = s, f
		l.curve(s.ID).Set(now, f.Rate)
	}
	l.reads, l.figures, l.meters = reads, figures, meters
	l.noteStandstills(own, now)
	l.forget()
}

// forget drops what is remembered of shards that the stream does not list any more.
func (l *Lookout) forget() {
	if len(l.curves) <= 2*len(l.own.Listed) || l.own.Listed == nil {
		return
	}
	listed := make(map[string]bool, len(l.own.Listed))
	for _, s := range l.own.Listed {
		listed[s.ID] = true
	}
	maps.DeleteFunc(l.curves, func(id string, _ *series.Curve) bool { return !listed[id] })
	maps.DeleteFunc(l.stored, func(id string, _ time.Time) bool { return !listed[id] })
}

// Report is what this instance's row is to say. It does not block: it is made of the last sample.
func (l *Lookout) Report() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	shards := make([]Figures, 0, len(l.figures))
	for _, f := range l.figures {
		shards = append(shards, f)
	}
	return NewReport(l.cfg.Version, l.cfg.Started, time.Now(), shards).Encode(lease.ReportBytes)
}

// objectsShown is how many of the newest objects are remembered.
const objectsShown = 12

// Stored notes an object that this instance has stored.
func (l *Lookout) Stored(o Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.At = time.Now()
	l.stored[o.Shard] = o.At
	l.objects = slices.Insert(l.objects, 0, o)
	l.objects = l.objects[:min(objectsShown, len(l.objects))]
}

// View looks at the table if the last look is two seconds old, and returns what there is to see. ctx and a deadline bound it. If
// the table cannot be read, the last good answer is shown with its age.
func (l *Lookout) View(ctx context.Context) View {
	look, fresh := l.table.look(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if fresh && look.at.After(l.seen.at) { // another call may have taken in a later one
		l.takeIn(look)
	}
	return l.build(look, time.Now())
}

// Watch gives the lookout its table.
func (l *Lookout) Watch(table Table) { l.table.set(table) }

func (l *Lookout) curve(shardID string) *series.Curve {
	c := l.curves[shardID]
	if c == nil {
		c = series.NewCurve()
		l.curves[shardID] = c
	}
	return c
}
