package fleet

import (
	"cmp"
	"slices"
	"time"

	"example.com/callevents/consumer/stall"
)

// State is how a shard is.
type State string

// The states. Untold comes of the view alone: the shard has an owner, and nobody says how it is.
const (
	Reading    State = "reading"
	CatchingUp State = "catching_up"
	Stalled    State = "stalled" // it has read nothing for a while, and is not at the tip; blocked if that lasts
	Waiting    State = "waiting" // for its parents
	Free       State = "free"    // nobody reads it
	Blocked    State = "blocked" // it stands still, for a reason
	Untold     State = "untold"
)

// catchingUpFrom is how far behind the tip a shard is at the least to be catching up, or stalled. A reader at the tip asks each
// second.
const catchingUpFrom = 15 * time.Second

// Report is what a worker's row says of its shards. It is bounded, so it may not name all of them.
type Report struct {
	Version string    // of the program
	Started time.Time // the worker; to the second
	Written time.Time // this report, by the worker's clock; to the second. For people alone
	Held    int       // shards, those included that are not named
	Rate    float64   // records a second of all
	Behind  time.Duration
	Oldest  time.Duration // the largest of all
	Shards  []Figures     // the worst first
}

// Figures are how one shard is.
type Figures struct {
	Shard  string
	State  State         // Reading, CatchingUp, Stalled or Blocked
	Reason stall.Reason  // of a blocked one
	Rate   float64       // records a second
	Behind time.Duration // of the shard's tip
	Oldest time.Duration // age of the oldest record that is not in S3; 0: there is none
	Newest time.Time     // when the newest object was stored; zero: none was by this worker
}

// NewReport returns the report of a worker with those shards.
func NewReport(version string, started, now time.Time, shards []Figures) Report {
	r := Report{Version: version, Started: started, Written: now, Held: len(shards), Shards: slices.Clone(shards)}
	for _, s := range shards {
		r.Rate += s.Rate
		r.Behind, r.Oldest = max(r.Behind, s.Behind), max(r.Oldest, s.Oldest)
	}
	slices.SortFunc(r.Shards, worse)
	return r
}

// worse orders figures, the worst first.
func worse(a, b Figures) int {
	return cmp.Or(cmp.Compare(b.State.severity(), a.State.severity()), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(max(b.Oldest, b.Behind), max(a.Oldest, a.Behind)), cmp.Compare(a.Shard, b.Shard))
}

// severity is higher for what a person should see first.
func (s State) severity() int {
	return slices.Index([]State{Reading, CatchingUp, Waiting, Untold, Stalled, Free, Blocked}, s)
}
