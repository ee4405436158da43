package audit

import "fmt"

// Coverage is how far something was looked for.
type Coverage struct {
	Checked int    `json:"checked"`
	Total   int    `json:"total"`
	Of      string `json:"of"`              // what is counted
	Needs   string `json:"needs,omitempty"` // what there was not, and would have helped
}

func (c Coverage) complete() bool { return c.Checked == c.Total && c.Needs == "" }

// or returns the coverage that is complete. If neither is, it is the one that reached something.
func (c Coverage) or(other Coverage) Coverage {
	switch {
	case c.complete():
		return c
	case other.complete(), c.Needs != "" && other.Needs == "":
		return other
	case c.Needs != "":
		c.Needs = "a ledger or the stream"
	}
	return c
}

func (c Coverage) String() string {
	text := fmt.Sprintf("%d of %d %s", c.Checked, c.Total, c.Of)
	if c.Needs != "" {
		return "(" + text + "), needs " + c.Needs
	}
	return "(" + text + ")"
}

// tally is how much there is, and how much of it was seen by whom.
type tally struct {
	withLedger, withStream bool

	recordLinks       int // links with records
	rejecting         int // of them, with dead letters
	rejectingCompared int // with the stream
	blind             int // records without a call_id in links that were not compared: a copy of one cannot be told
	known             int // records that the ledger has
	certain           int // of them, those it knows the place of
	chains            Coverage
}

// links is the coverage of what only the stream can tell.
func (r *Report) links() Coverage {
	c := Coverage{Checked: r.Compared, Total: r.recordLinks, Of: "links"}
	if !r.withStream {
		c.Needs = "the stream"
	}
	return c
}

// letters is the coverage of the dead letters' content.
func (r *Report) letters() Coverage {
	c := Coverage{Checked: r.rejectingCompared, Total: r.rejecting, Of: "links with dead letters"}
	if !r.withStream && r.rejecting > 0 {
		c.Needs = "the stream"
	}
	return c
}

// ledgered is the coverage by the ledger. An empty one covers nothing.
func (r *Report) ledgered(n int) Coverage {
	c := Coverage{Checked: n, Total: r.all(), Of: "records"}
	if r.LedgerRecords == 0 {
		c.Needs = "a ledger"
	}
	return c
}

func (r *Report) records(n int, needs string) Coverage {
	c := Coverage{Checked: n, Total: r.all(), Of: "records"}
	if n < c.Total && !r.withStream {
		c.Needs = needs
	}
	return c
}

// all is the number of records, dead letters included.
func (r *Report) all() int { return r.Records + r.DeadLetters }

// Verdict is what an audit says in one word.
type Verdict string

const (
	Well      Verdict = "well"      // everything was checked, nothing is wrong
	Faulty    Verdict = "faulty"    // something is wrong
	Unchecked Verdict = "unchecked" // nothing wrong was found, but not everything was checked
)

// conclude makes the verdict. A figure that is zero because nobody looked is taken out.
func (r *Report) conclude() {
	for _, check := range checks {
		covered := check.covered(r)
		if covered.complete() {
			continue
		}
		r.Unchecked[check.fault] = covered
		if r.Faults[check.fault] == 0 {
			delete(r.Faults, check.fault)
		}
	}
	switch {
	case !r.OK():
		r.Verdict = Faulty
	case len(r.Unchecked) > 0, len(r.Unread) > 0:
		r.Verdict = Unchecked
	default:
		r.Verdict = Well
	}
}
