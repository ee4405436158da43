package status

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/callevents/shared/series"
	"example.com/callevents/shared/units"
	"example.com/callevents/shared/wait"
)

// Window shows a run to people: it remembers how fast it was. All methods are safe for concurrent use.
type Window struct {
	stream string
	aim    string // the rate that was asked for
	report func() Report

	mu     sync.Mutex
	meter  series.Meter
	shards map[string]*series.Meter
	curve  *series.Curve
	rate   float64
	rates  map[string]float64 // by shard
}

// NewWindow returns the window of a run into stream, at that rate. It calls report, which must be safe for concurrent use.
func NewWindow(stream, aim string, report func() Report) *Window {
	return &Window{stream: stream, aim: aim, report: report, shards: map[string]*series.Meter{}, curve: series.NewCurve(), rates: map[string]float64{}}
}

// Run samples the run until ctx ends.
func (w *Window) Run(ctx context.Context) {
	for {
		w.sample()
		if wait.For(ctx, series.SampleEvery) != nil {
			return
		}
	}
}

func (w *Window) sample() {
	r, now := w.report(), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rate = w.meter.Rate(now, r.Put.Records)
	w.curve.Set(now, w.rate)
	for id, records := range r.Put.PerShard {
		if w.shards[id] == nil {
			w.shards[id] = &series.Meter{}
		}
		w.rates[id] = w.shards[id].Rate(now, records)
	}
}

// View is a run at one moment, as /api/state answers: fields are added to it, and none is renamed or taken away while Format
// stays. Ages and pauses are in seconds.
type View struct {
	Format   int       `json:"format"`
	At       time.Time `json:"at"`
	Level    string    `json:"level"` // ok, warn: events were spilled or rejected; bad: records are not put, or were lost
	Sentence string    `json:"sentence"`
	Spoken   string    `json:"-"` // the same without what changes all the time
	Stream   string    `json:"stream"`
	Aim      string    `json:"aim"` // records a second, or max

	Starting bool       `json:"starting,omitempty"`
	Reason   string     `json:"blocked,omitempty"` // why records are not put
	For      float64    `json:"blocked_for,omitempty"`
	Error    string     `json:"error,omitempty"`
	Advice   string     `json:"advice,omitempty"`
	Elapsed  float64    `json:"elapsed"`
	Rate     float64    `json:"rate"`
	Curve    []float64  `json:"-"`
	Shards   []ShardPut `json:"shards"`
	Spread   uint64     `json:"spread"` // between the shard with the most records and the one with the fewest

	Records            uint64  `json:"records"`
	Bytes              uint64  `json:"bytes"`
	Calls              uint64  `json:"calls"`
	FailedCalls        uint64  `json:"failed_calls"`
	Resent             uint64  `json:"resent"`
	Throttled          uint64  `json:"throttled"`
	PossibleDuplicates uint64  `json:"possible_duplicates"`
	Unsent             int     `json:"unsent"`
	InFlight           int     `json:"in_flight"`
	Oldest             float64 `json:"oldest_unsent"`
	Slowest            float64 `json:"slowest_put"`
	Late               uint64  `json:"late"`
	Latest             float64 `json:"latest"` // how late the latest was
	Skipped            uint64  `json:"skipped"`
	Spilled            uint64  `json:"spilled"`
	Rejected           uint64  `json:"rejected"`
	Lost               uint64  `json:"lost"`
}

// ShardPut is what a shard was given.
type ShardPut struct {
	ID      string  `json:"id"`
	Records uint64  `json:"records"`
	Rate    float64 `json:"rate"`
	Share   float64 `json:"-"` // of the fullest
}

// View returns the run as it is now. It answers from memory.
func (w *Window) View() View {
	r := w.report()
	w.mu.Lock()
	defer w.mu.Unlock()
	is := r.Standstill()
	v := View{Format: 1, At: time.Now().UTC(), Stream: w.stream, Aim: w.aim, Starting: r.Starting, Reason: string(is.Reason), For: is.For.Seconds(),
		Error: is.Error, Elapsed: round(r.Elapsed), Rate: math.Round(w.rate*10) / 10, Curve: w.curve.Points(time.Now()), Shards: []ShardPut{},
		Records: r.Put.Records, Bytes: r.Put.Bytes, Calls: r.Put.Calls, FailedCalls: r.Put.FailedCalls, Resent: r.Put.Resent,
		Throttled: r.Put.Throttled, PossibleDuplicates: r.Put.PossibleDuplicates, Unsent: r.Put.Unsent, InFlight: r.Put.InFlight,
		Oldest: round(r.Put.Oldest), Slowest: round(r.Put.Slowest), Late: r.Pace.Late, Latest: round(r.Pace.Latest), Skipped: r.Pace.Skipped,
		Spilled: r.Put.Spilled, Rejected: r.Rejected, Lost: r.Put.Lost}
	if is.Reason != "" {
		v.Advice = whatToDo[is.Reason]
	}
	most := uint64(1)
	for _, id := range slices.Sorted(maps.Keys(r.Put.PerShard)) {
		v.Shards = append(v.Shards, ShardPut{ID: id, Records: r.Put.PerShard[id], Rate: w.rates[id]})
		most = max(most, r.Put.PerShard[id])
	}
	for i := range v.Shards {
		v.Shards[i].Share = float64(v.Shards[i].Records) / float64(most)
	}
	if len(v.Shards) > 0 {
		fewer := func(a, b ShardPut) int { return cmp.Compare(a.Records, b.Records) }
		v.Spread = slices.MaxFunc(v.Shards, fewer).Records - slices.MinFunc(v.Shards, fewer).Records
	}
	v.say()
	return v
}

func round(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// say puts the run into words.
func (v *View) say() {
	v.Level = "ok"
	var lasting []string
	add := func(level, format string, args ...any) {
		lasting = append(lasting, fmt.Sprintf(format, args...))
		if v.Level != "bad" {
			v.Level = level
		}
	}
	now := fmt.Sprintf("%.1f records a second into %d shards. The oldest that waits is %s old.", v.Rate, len(v.Shards), units.Ago(seconds(v.Oldest)))
	switch {
	case v.Starting:
		now = ""
		add("warn", "The run is starting: the stream is not ready yet.")
	case v.Reason != "":
		add("bad", "Records are not put: %s.", v.Reason)
	}
	if v.Lost > 0 {
		add("bad", "%d events are lost.", v.Lost)
	}
	if v.Spilled > 0 {
		add("warn", "%d events were spilled to the disk.", v.Spilled)
	}
	if v.Rejected > 0 {
		add("warn", "%d events were rejected.", v.Rejected)
	}
	v.Spoken = cmp.Or(strings.Join(lasting, " "), "Records are put.")
	v.Sentence = strings.TrimSpace(strings.Join(lasting, " ") + " " + now)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
