package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
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
	Shards []OwnShard
	All    *Standstill   // nothing can be acquired
	Listed []Listed      // the stream's shards; nil: not listed yet
	Left   time.Duration // retention of the stream; 0: not known
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
	began time.Time

	mu      sync.Mutex // guards what follows
	own     Own
	reads   map[string]OwnShard // own shards, as of the last sample
	figures map[string]Figures  // of the same
	meters  map[string]*meter   // of own shards
	curves  map[string]*curve
	stored  map[string]time.Time // newest object of a shard that this instance stored
	stands  map[string]Standstill
	objects []Object
	events  []Event // newest first
	seen    seen
}

// New returns a lookout over no table yet.
func New(cfg Config) *Lookout {
	return &Lookout{cfg: cfg, table: &tableReader{}, began: time.Now(), figures: map[string]Figures{}, meters: map[string]*meter{},
		curves: map[string]*curve{}, stored: map[string]time.Time{}, stands: map[string]Standstill{}, seen: newSeen()}
}

// Run samples what this instance knows each two seconds, until ctx ends.
func (l *Lookout) Run(ctx context.Context, own func() Own) {
	for {
		l.Sample(own())
		if wait.For(ctx, sampleEvery) != nil {
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
	figures, meters := make(map[string]Figures, len(own.Shards)), make(map[string]*meter, len(own.Shards))
	for _, s := range own.Shards {
		m := l.meters[s.ID]
		if m == nil {
			m = &meter{}
		}
		meters[s.ID] = m
		f := Figures{Shard: s.ID, State: Reading, Rate: m.rate(now, s.Records), Behind: s.Behind, Oldest: s.Oldest, Newest: l.stored[s.ID]}
		switch {
		case s.Blocked != nil:
			f.State, f.Reason = Blocked, s.Blocked.Reason
		case s.Behind >= catchingUpFrom:
			f.State = CatchingUp
		}
		reads[s.ID], figures[s.ID] = s, f
		l.curve(s.ID).set(l.bucket(now), f.Rate)
	}
	l.reads, l.figures, l.meters = reads, figures, meters
	l.noteStandstills(own, now)
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

func (l *Lookout) bucket(now time.Time) int64 { return int64(now.Sub(l.began) / bucketSpan) }

func (l *Lookout) curve(shardID string) *curve {
	c := l.curves[shardID]
	if c == nil {
		c = newCurve()
		l.curves[shardID] = c
	}
	return c
}
