package audit

import (
	"fmt"
	"maps"
	"slices"
)

// maxDetails is how many faults are reported one by one.
const maxDetails = 20

// Report is what an audit found.
type Report struct {
	Verdict Verdict `json:"verdict"` // empty while the audit runs

	Objects       int            `json:"objects"`
	Bytes         int64          `json:"bytes"`
	Records       int            `json:"records"`
	Shards        map[string]int `json:"records_by_shard"`
	NoCallID      int            `json:"records_without_call_id"` // of them: foreign events, known by nothing but the stream
	DeadLetters   int            `json:"dead_letters"`
	Resent        int            `json:"resent"`           // copies that the producer's own retries account for
	CopiesDropped int            `json:"copies_dropped"`   // that the stream has, and no object
	Suspected     int            `json:"suspected_copies"` // among the dead letters: first sends of events that are there
	LedgerRecords int            `json:"ledger_records"`   // lines of the ledger
	NotInLedger   int            `json:"not_in_ledger"`    // records whose acknowledgement was lost, or of other producers
	Compared      int            `json:"links_compared"`   // with the stream
	Uncompared    int            `json:"links_uncompared"` // since the stream does not hold all of their records any more

	// Removed has the chains whose beginning is gone, as after a lifecycle rule: the key of the first link that is
	// left by shard, empty if none is. Removal and damage look the same there. What the stream still has is lost.
	Removed            map[string]string `json:"removed_before,omitempty"`
	RemovedRecords     int               `json:"removed_records"`             // lines of the ledger that lie there
	RemovedDeadLetters int               `json:"removed_dead_letter_objects"` // whose link lay there
	Unread             []string          `json:"unread_locations,omitempty"`  // where the application has objects, too

	// Faults has a number for everything that was checked completely, zero if all is well, and for all that was found.
	Faults    map[Fault]int      `json:"faults"`
	Unchecked map[Fault]Coverage `json:"unchecked,omitempty"` // how far the rest was checked
	Details   []string           `json:"details,omitempty"`   // the first faults, one by one

	tally
}

func newReport(withLedger, withStream bool) *Report {
	r := &Report{Shards: map[string]int{}, Removed: map[string]string{}, Faults: map[Fault]int{}, Unchecked: map[Fault]Coverage{}}
	r.withLedger, r.withStream = withLedger, withStream
	for _, check := range checks {
		r.Faults[check.fault] = 0
	}
	return r
}

// OK reports that nothing wrong was found. Whether everything was looked at says [Report.Verdict].
func (r Report) OK() bool {
	for _, n := range r.Faults {
		if n > 0 {
			return false
		}
	}
	return true
}

// Lines returns the report in words, one line per figure.
func (r Report) Lines() []string {
	lines := []string{
		figure("objects", r.Objects), figure("bytes", r.Bytes), figure("records", r.Records),
		figure("records without a call_id", r.NoCallID), figure("dead letters", r.DeadLetters), figure("shards", len(r.Shards)),
	}
	if least, most := r.spread(); len(r.Shards) > 0 {
		lines = append(lines, figure("records of the emptiest shard", least), figure("records of the fullest shard", most))
	}
	if r.withLedger {
		lines = append(lines, figure("records in the ledger", r.LedgerRecords), figure("records not in the ledger", r.NotInLedger))
	}
	if r.withStream {
		lines = append(lines, figure("copies that the stream has and no object", r.CopiesDropped))
	}
	if r.Suspected > 0 {
		lines = append(lines, figure("suspected copies among the dead letters", r.Suspected))
	}
	if r.withStream {
		lines = append(lines, figure("links compared with the stream", r.Compared), figure("links that the stream does not hold any more", r.Uncompared))
	}
	if r.withLedger || r.withStream {
		lines = append(lines, figure("sent more than once by the producer", r.Resent))
	}
	return append(append(lines, r.removed()...), r.found()...)
}

// removed has the lines about what is not there to be checked.
func (r Report) removed() (lines []string) {
	for _, shard := range slices.Sorted(maps.Keys(r.Removed)) {
		if key := r.Removed[shard]; key != "" {
			lines = append(lines, figure(shard, fmt.Sprintf("removed before %q", key)))
		} else {
			lines = append(lines, figure(shard, "removed, no link is left"))
		}
	}
	if len(r.Removed) > 0 {
		lines = append(lines, figure("records of the ledger that were removed", r.RemovedRecords),
			figure("dead letter objects whose link was removed", r.RemovedDeadLetters))
	}
	for _, at := range r.Unread {
		lines = append(lines, figure("not read, though the application has objects there", fmt.Sprintf("%q", at)))
	}
	return lines
}

// found has the lines about the faults.
func (r Report) found() (lines []string) {
	for _, check := range checks {
		n, covered := r.Faults[check.fault], r.Unchecked[check.fault]
		switch {
		case covered.complete():
			lines = append(lines, figure(check.text, n))
		case n == 0:
			lines = append(lines, figure(check.text, "not checked "+covered.String()))
		default:
			lines = append(lines, figure(check.text, fmt.Sprintf("%d, checked %s", n, covered)))
		}
	}
	return lines
}

func figure(text string, value any) string { return fmt.Sprintf("%-54s %v", text, value) }

// spread returns the fewest and the most records, dead letters included, that a shard has.
func (r Report) spread() (least, most int) {
	first := true
	for _, n := range r.Shards {
		if first {
			least, most, first = n, n, false
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most
}

// add counts an object and the faults that were found in it.
func (r *Report) add(o object) {
	r.Objects++
	r.Bytes += o.bytes
	r.Records += len(o.lines)
	r.DeadLetters += len(o.deadLetters)
	if o.isLink {
		r.Shards[o.link.Shard] += len(o.lines) + len(o.deadLetters)
		if !o.link.First.IsZero() {
			r.recordLinks++
		}
		if o.link.Rejected > 0 {
			r.rejecting++
		}
	}
	r.NoCallID += o.withoutCallID()
	for _, f := range o.findings {
		r.fault(f.fault, "%s", f.text)
	}
}

func (r *Report) fault(f Fault, format string, args ...any) { r.faults(f, 1, format, args...) }

func (r *Report) faults(f Fault, n int, format string, args ...any) {
	r.Faults[f] += n
	if len(r.Details) < maxDetails {
		r.Details = append(r.Details, string(f)+": "+fmt.Sprintf(format, args...))
	}
}
