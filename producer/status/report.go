// Package status shows how a run is going: a live line on a terminal or log lines elsewhere, metrics and health over
// HTTP, and the summary at the end. It only reads figures.
package status

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/put"
)

// Report is a run at one moment.
type Report struct {
	Elapsed  time.Duration
	Starting bool  // the stream is being looked for: nothing can be put yet, and the other figures are zero
	Stuck    error // a loop of ours has stopped to turn; nil: all of them turn
	Pace     pace.Stats
	Put      put.Stats
	Rejected uint64 // input lines that were no events, and events that the stream does not take
}

// Standstill is why records are not put. The zero value: they are.
func (r Report) Standstill() put.Standstill {
	if r.Put.Standstill.Reason == "" && r.Stuck != nil {
		return put.Standstill{Reason: put.Internal, For: pulse.Limit, Error: r.Stuck.Error()}
	}
	return r.Put.Standstill
}

// Undelivered is the number of events that this run did not get into the stream. A resend can put the spilled ones.
func (r Report) Undelivered() uint64 { return r.Put.Spilled + r.Put.Lost + r.Rejected }

// Summary is a finished run, as --summary writes it.
type Summary struct {
	Stream             string            `json:"stream"`
	Started            time.Time         `json:"started"`
	ElapsedSeconds     float64           `json:"elapsed_seconds"`
	Records            uint64            `json:"records"` // acknowledged
	Bytes              uint64            `json:"bytes"`
	RecordsPerSecond   float64           `json:"records_per_second"`
	PerShard           map[string]uint64 `json:"per_shard"`
	Calls              uint64            `json:"calls"`
	FailedCalls        uint64            `json:"failed_calls"`
	Resent             uint64            `json:"resent"`
	Throttled          uint64            `json:"throttled"`
	PossibleDuplicates uint64            `json:"possible_duplicates"`
	Spilled            uint64            `json:"spilled"`
	Lost               uint64            `json:"lost"`
	Rejected           uint64            `json:"rejected"`
	Late               uint64            `json:"late"` // more than pace.StallAfter
	LatestMillis       int64             `json:"latest_ms"`
	Skipped            uint64            `json:"skipped"`
	SlowestPutMillis   int64             `json:"slowest_put_ms"`  // from a record's creation to its acknowledgement
	Error              string            `json:"error,omitempty"` // why the run ended early
}

// Summarize returns the summary of a run that has just ended; err is why it ended early, or nil.
func Summarize(stream string, r Report, err error) Summary {
	s := Summary{
		Stream: stream, Started: time.Now().Add(-r.Elapsed).UTC(), ElapsedSeconds: r.Elapsed.Seconds(),
		Records: r.Put.Records, Bytes: r.Put.Bytes, RecordsPerSecond: float64(r.Put.Records) / max(r.Elapsed.Seconds(), 1e-9),
		PerShard: r.Put.PerShard, Calls: r.Put.Calls, FailedCalls: r.Put.FailedCalls, Resent: r.Put.Resent,
		Throttled: r.Put.Throttled, PossibleDuplicates: r.Put.PossibleDuplicates, Spilled: r.Put.Spilled, Lost: r.Put.Lost,
		Rejected: r.Rejected, Late: r.Pace.Late, LatestMillis: r.Pace.Latest.Milliseconds(), Skipped: r.Pace.Skipped, SlowestPutMillis: r.Put.Slowest.Milliseconds(),
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// Print writes the summary for a person.
func (s Summary) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "records\t%d in %.1fs, %.2f/s\n", s.Records, s.ElapsedSeconds, s.RecordsPerSecond)
	for _, id := range slices.Sorted(maps.Keys(s.PerShard)) {
		fmt.Fprintf(t, "  %s\t%d\n", id, s.PerShard[id])
	}
	fmt.Fprintf(t, "retries\t%d records resent, %d throttled, %d of %d calls failed\n", s.Resent, s.Throttled, s.FailedCalls, s.Calls)
	fmt.Fprintf(t, "possible duplicates\t%d\n", s.PossibleDuplicates)
	fmt.Fprintf(t, "failures\t%d spilled, %d rejected, %d lost\n", s.Spilled, s.Rejected, s.Lost)
	millis := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	fmt.Fprintf(t, "pace\t%d late, the latest by %s; %d skipped; slowest put %s\n", s.Late, millis(s.LatestMillis), s.Skipped, millis(s.SlowestPutMillis))
	return t.Flush()
}

// line is one line about a run in progress; rate is the records per second since the last line.
func line(r Report, rate float64) string {
	parts := []string{fmt.Sprintf("%.1f/s", rate), fmt.Sprintf("%d records", r.Put.Records), shards(r.Put.PerShard),
		fmt.Sprintf("%d in flight", r.Put.InFlight), fmt.Sprintf("%d throttled", r.Put.Throttled),
		fmt.Sprintf("oldest unsent %s", r.Put.Oldest.Round(100*time.Millisecond))}
	if spilled := r.Put.Spilled; spilled > 0 {
		parts = append(parts, fmt.Sprintf("%d SPILLED", spilled))
	}
	return strings.Join(parts, " | ")
}

// shards lists the count of each shard. With many shards it is the range of the counts.
func shards(counts map[string]uint64) string {
	inOrder := make([]uint64, 0, len(counts))
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		inOrder = append(inOrder, counts[id])
	}
	if len(inOrder) > 8 {
		return fmt.Sprintf("%d shards, %d to %d each", len(inOrder), slices.Min(inOrder), slices.Max(inOrder))
	}
	return "shards " + strings.Trim(fmt.Sprint(inOrder), "[]")
}
