package audit

import "fmt"

// maxDetails is how many faults are reported one by one.
const maxDetails = 20

// Report is what an audit found.
type Report struct {
	Objects       int            `json:"objects"`
	Bytes         int64          `json:"bytes"`
	Records       int            `json:"records"`
	Shards        map[string]int `json:"records_by_shard"`
	NoCallID      int            `json:"records_without_call_id"` // of them: foreign events, not checked for duplicates
	DeadLetters   int            `json:"dead_letters"`
	Resent        int            `json:"resent"`           // copies that the producer's own retries account for
	LedgerRecords int            `json:"ledger_records"`   // lines of the ledger
	NotInLedger   int            `json:"not_in_ledger"`    // records whose acknowledgement was lost, or of other producers
	Compared      int            `json:"links_compared"`   // with the stream
	Uncompared    int            `json:"links_uncompared"` // since the stream does not hold all of their records any more

	// Faults has a number for everything that was checked, zero if all is well.
	Faults  map[Fault]int `json:"faults"`
	Details []string      `json:"details,omitempty"` // the first faults, one by one

	withLedger, withStream bool
}

func newReport(withLedger, withStream bool) *Report {
	r := &Report{Shards: map[string]int{}, Faults: map[Fault]int{}, withLedger: withLedger, withStream: withStream}
	for _, f := range faultTexts {
		if f.needs == "" || withLedger || withStream && f.needs == needsEither {
			r.Faults[f.fault] = 0
		}
	}
	return r
}

// OK reports that nothing is wrong.
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
		lines = append(lines, figure("links compared with the stream", r.Compared), figure("links that the stream does not hold any more", r.Uncompared))
	}
	if r.withLedger || r.withStream {
		lines = append(lines, figure("sent more than once by the producer", r.Resent))
	}
	for _, f := range faultTexts {
		if n, ok := r.Faults[f.fault]; ok {
			lines = append(lines, figure(f.text, n))
		} else {
			lines = append(lines, figure(f.text, "not checked without "+f.needs))
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
	}
	for _, l := range o.lines {
		if l.call == 0 {
			r.NoCallID++
		}
	}
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
