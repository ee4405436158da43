package fleet

import (
	"cmp"
	"encoding/json"
	"math"
	"time"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/units"
)

// View is an application at one moment, as one instance knows it. It is the answer of /api/state: fields are added to it,
// and none is renamed or taken away while Format stays. Ages and pauses are in seconds.
type View struct {
	Format   int       `json:"format"`
	At       time.Time `json:"at"`
	Level    Level     `json:"level"`
	Sentence []Part    `json:"-"`
	Text     string    `json:"sentence"` // Sentence as one text
	Spoken   string    `json:"-"`        // the same without what changes all the time

	Application string      `json:"application"`
	Stream      string      `json:"stream"`
	Region      string      `json:"region,omitempty"`
	Worker      string      `json:"worker,omitempty"` // this instance
	Since       *time.Time  `json:"since,omitempty"`
	Health      string      `json:"health,omitempty"` // ok, or why not, as /healthz has it
	Ready       string      `json:"ready,omitempty"`  // ok, or why not, as /readyz has it
	Table       TableRead   `json:"table"`
	Totals      Totals      `json:"totals"`
	ToDo        []ToDo      `json:"to_do"`
	Shards      []Shard     `json:"shards"` // those not read to their end, by hash key
	Workers     []Worker    `json:"workers"`
	Events      []Event     `json:"events"`              // newest first
	Objects     []Object    `json:"objects"`             // newest first, of this worker alone
	DeadLetters []Rejection `json:"dead_letters"`        // of this worker alone, since it began
	StoredIn    string      `json:"stored_in,omitempty"` // where objects go
	Versions    []string    `json:"versions"`            // that workers run
	Retention   Seconds     `json:"retention,omitempty"` // of the stream
	ThisVersion string      `json:"version,omitempty"`   // of this program
	Starting    string      `json:"starting,omitempty"`  // what the start waits for
}

// Level says how urgent it is.
type Level string

// The levels.
const (
	Well Level = "ok"
	Warn Level = "warn" // it may pass by itself
	Bad  Level = "bad"  // a person must look
)

// Part is a part of the sentence on top.
type Part struct {
	Text  string
	Level Level
}

// TableRead is how old the part is that the lease table tells.
type TableRead struct {
	ReadAt *time.Time `json:"read_at,omitempty"` // nil: never
	Age    Seconds    `json:"age"`
	Error  string     `json:"error,omitempty"` // of the last read, if it failed
}

// Totals are over all shards and workers.
type Totals struct {
	Shards   int           `json:"shards"`
	Moving   int           `json:"moving"`
	States   map[State]int `json:"states"`
	Workers  int           `json:"workers"`
	Silent   int           `json:"silent"`
	Rate     float64       `json:"rate"` // records a second
	Behind   Seconds       `json:"behind"`
	Oldest   Seconds       `json:"oldest"` // age of the oldest record that was read and is not in S3; 0: there is none
	Headroom *Seconds      `json:"headroom,omitempty"`
}

// ToDo is a reason for which shards stand still, and what a person is to do.
type ToDo struct {
	Reason stall.Reason `json:"reason"`
	Words  string       `json:"words"`
	Advice string       `json:"advice"`
	Shards []string     `json:"shards"`
	Since  *time.Time   `json:"since,omitempty"` // known of this worker's shards
	Error  string       `json:"error,omitempty"` // the same
}

// Shard is a shard that is not read to its end.
type Shard struct {
	ID       string       `json:"id"`
	Name     string       `json:"-"`        // short
	From     float64      `json:"from"`     // where its hash keys begin, 0 to 1
	To       float64      `json:"to"`       // and end
	HashKeys [2]string    `json:"hash_key"` // the same, exactly
	Closed   bool         `json:"closed,omitempty"`
	Parents  []string     `json:"parents,omitempty"`
	Owner    string       `json:"owner,omitempty"` // name of the worker
	OwnerID  string       `json:"-"`               // its ID
	Slot     int          `json:"-"`               // colour of the owner
	State    State        `json:"state"`
	Reason   stall.Reason `json:"reason,omitempty"`
	Note     string       `json:"note,omitempty"` // about the state, for people
	Told     bool         `json:"told"`           // the figures are known
	Rate     float64      `json:"rate"`
	Behind   Seconds      `json:"behind"`
	Oldest   Seconds      `json:"oldest"`
	Newest   *time.Time   `json:"newest_object,omitempty"`
	Age      Seconds      `json:"told_ago"` // how old the figures are
	Curve    []float64    `json:"-"`        // records a second of the last minutes, oldest first; NaN: not known
	Counter  int64        `json:"lease_counter,omitempty"`
	Position string       `json:"checkpoint,omitempty"`
}

// Worse orders shards, the worst first.
func (s Shard) Worse(t Shard) int {
	return worse(Figures{s.ID, s.State, s.Reason, s.Rate, time.Duration(s.Behind), time.Duration(s.Oldest), time.Time{}},
		Figures{t.ID, t.State, t.Reason, t.Rate, time.Duration(t.Behind), time.Duration(t.Oldest), time.Time{}})
}

// Worker is a worker that shows itself in the table, or owns a shard.
type Worker struct {
	ID        string     `json:"id"` // in the rows of its shards; a process may get another one
	Name      string     `json:"name"`
	Slot      int        `json:"-"`
	Me        bool       `json:"me,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Version   string     `json:"version,omitempty"`
	Shards    int        `json:"shards"`
	Blocked   int        `json:"blocked"`
	Rate      float64    `json:"rate"`
	Heartbeat *Seconds   `json:"heartbeat,omitempty"` // how long ago
	Silent    bool       `json:"silent,omitempty"`    // for longer than its lease duration
	Note      string     `json:"note,omitempty"`      // why nothing more is known
}

// Worse orders workers: those with standstills first, then silent ones, then by name.
func (w Worker) Worse(v Worker) int {
	silent := map[bool]int{true: -1}
	return cmp.Or(cmp.Compare(v.Blocked, w.Blocked), cmp.Compare(silent[w.Silent], silent[v.Silent]), cmp.Compare(w.Name, v.Name))
}

// Kind is what happened.
type Kind string

// The kinds.
const (
	Gained     Kind = "gained"
	Released   Kind = "released"
	HandedOver Kind = "handed_over"
	Lost       Kind = "lost"
	Fenced     Kind = "fenced"
	Moved      Kind = "moved" // between other workers
	Stands     Kind = "blocked"
	GoesOn     Kind = "unblocked"
	Resharded  Kind = "reshard"
	Joined     Kind = "joined"
	Left       Kind = "left"
)

// Event is something that happened. This instance knows exactly what it did itself. What others did it sees between two looks
// at the table.
type Event struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Text string    `json:"text"`
	Seen bool      `json:"seen"` // between two looks, so it may have happened earlier
}

// Bad reports whether a person may have to look at it.
func (e Event) Bad() bool { return e.Kind == Stands || e.Kind == Lost || e.Kind == Fenced }

// Object is a committed link.
type Object struct {
	Key     string    `json:"key"`
	Shard   string    `json:"shard"`
	At      time.Time `json:"at"`
	Records int       `json:"records"`
	Bytes   int       `json:"bytes"`
}

// Rejection is how many dead letters there are for a reason.
type Rejection struct {
	Reason  string `json:"reason"`
	Records uint64 `json:"records"`
}

// Seconds is a duration that is seconds in JSON, to the millisecond.
type Seconds time.Duration

// String writes it for people.
func (s Seconds) String() string { return units.Ago(time.Duration(s)) }

// MarshalJSON implements [json.Marshaler].
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(s).Seconds()*1000) / 1000)
}
