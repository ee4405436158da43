package put

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// StandstillAfter is how long a shard may take none of its records before the sender is blocked.
const StandstillAfter = 30 * time.Second

// diskHangsAfter is less, so that a write that does not return is blamed before the shards that wait for it.
const diskHangsAfter = 15 * time.Second

// Reason says why records are not put. The set is closed.
type Reason string

// The reasons. Internal is not the sender's: a loop of ours stands still.
const (
	KinesisDenied    Reason = "kinesis_denied"    // the credentials may not put, or may not use the key
	KinesisFailing   Reason = "kinesis_failing"   // errors, broken connections, or no answer
	KinesisThrottled Reason = "kinesis_throttled" // a shard refuses what is above its limits
	KinesisSlow      Reason = "kinesis_slow"      // records are acknowledged, and fewer than there are
	SpillFailing     Reason = "spill_failing"     // the spill file cannot be written, or a write to it hangs
	LedgerFailing    Reason = "ledger_failing"    // a write to the ledger hangs
	Internal         Reason = "internal"
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{KinesisDenied, KinesisFailing, KinesisThrottled, KinesisSlow, SpillFailing, LedgerFailing, Internal}
}

// Standstill is why records are not put. The zero value: they are.
type Standstill struct {
	Reason Reason
	For    time.Duration
	Error  string // the last one; may be empty
}

// standstill says what is wrong at this moment.
func (s *Sender) standstill(now time.Time) Standstill {
	if disk := s.disk; disk.reason != "" && now.Sub(disk.since) > diskHangsAfter {
		return Standstill{Reason: disk.reason, For: now.Sub(disk.since), Error: "a write does not return"}
	}
	if s.spillError != nil {
		return Standstill{Reason: SpillFailing, For: now.Sub(s.spillFailed), Error: s.spillError.Error()}
	}
	var stuck Standstill
	if q := s.backlog.longestWithout(s.account.stats.LastAcknowledged); q != nil {
		stuck = Standstill{Reason: q.trouble, For: now.Sub(q.waitsSince), Error: q.lastError}
	}
	hangs := stuck.For > StandstillAfter && s.calls.startedBefore(now.Add(-callTimeout/2)) > 0
	if oldest := s.oldest(); !oldest.IsZero() { // it may have waited for longer than any shard has taken nothing
		stuck.For = max(stuck.For, now.Sub(oldest))
	}
	switch {
	case stuck.For <= StandstillAfter:
		return Standstill{}
	case stuck.Reason == "" && hangs: // no call has failed: none has ended
		stuck.Reason = KinesisFailing
	case stuck.Reason == "": // each shard takes records, and fewer than there are, or waits for its own limit
		stuck.Reason = KinesisSlow
	}
	return stuck
}

// reason says why entry i of the call was not put.
func (c *call) reason(i int) Reason {
	switch {
	case c.outcome == denied:
		return KinesisDenied
	case isThrottling(aws.ToString(c.results[i].ErrorCode)):
		return KinesisThrottled
	}
	return KinesisFailing
}

// message is what Kinesis says about entry i of the call, or why there is no answer.
func (c *call) message(i int) string {
	if c.err != nil {
		return c.err.Error()
	}
	return aws.ToString(c.results[i].ErrorCode) + ": " + aws.ToString(c.results[i].ErrorMessage)
}

// longestWithout returns the queue whose shard has taken nothing for the longest time; nil: each shard takes what it has.
// A queue whose records were all given up counts only while no shard takes anything: its shard may be closed.
func (b *backlog) longestWithout(lastAcknowledged time.Time) (longest *queue) {
	for _, q := range b.queues {
		idle := q.unsent == 0 && q.waitsSince.Before(lastAcknowledged)
		if q.waitsSince.IsZero() || idle {
			continue
		}
		if longest == nil || q.waitsSince.Before(longest.waitsSince) {
			longest = q
		}
	}
	return longest
}
