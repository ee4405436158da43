// Package stall notices that a shard stands still, and names the reason.
//
// A shard that is consumed makes progress with every page that was read and processed, an empty one included: at the tip
// of the shard there is one a second. So one rule finds every kind of standstill: no progress for [After]. The reason is
// that of the last attempt that failed since; if none has ended, that of the call that hangs. A loop that is not of one
// shard makes progress with every turn.
//
// The package calls nothing and starts nothing.
package stall

import (
	"sync"
	"time"
)

// After is how long a shard may be without progress before it counts as blocked. It is longer than retries that work
// usually take, and shorter than the minute in which a person is to be told.
const After = 30 * time.Second

// Service is what a shard waits for, by the SDK's name.
type Service string

// The services.
const (
	Nothing  Service = ""
	Kinesis  Service = "Kinesis"
	S3       Service = "S3"
	DynamoDB Service = "DynamoDB"
)

// Blocked is a standstill.
type Blocked struct {
	Reason Reason
	Since  time.Time // of the last progress
	Err    error     // of the last attempt; nil if it has not ended
}

// Tracker follows one shard from the acquisition of its lease to the release, or another loop. Safe for concurrent use.
type Tracker struct {
	after time.Duration

	mu       sync.Mutex
	progress time.Time
	turned   time.Time // when anything was noted
	waits    Service
	err      error     // of the last failed attempt since the last progress
	oldest   time.Time // arrival of the oldest record that was read and is not in an object
}

// NewTracker returns a tracker for which no progress for that long is a standstill. Its time counts from now.
func NewTracker(after time.Duration) *Tracker {
	now := time.Now()
	return &Tracker{after: after, progress: now, turned: now}
}

// Progress notes that a page was read and processed.
func (t *Tracker) Progress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = time.Now()
	t.turned, t.waits, t.err = t.progress, Nothing, nil
}

// Waits notes that a call to service begins; Nothing: it has ended.
func (t *Tracker) Waits(service Service) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turned, t.waits = time.Now(), service
}

// Failed notes that an attempt has failed, and will be repeated.
func (t *Tracker) Failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turned, t.err = time.Now(), err
}

// Holds notes when the oldest record arrived that was read and is not in an object, by Kinesis' clock; zero: there is none.
func (t *Tracker) Holds(oldest time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.oldest = oldest
}

// Oldest returns what Holds noted last.
func (t *Tracker) Oldest() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.oldest
}

// Turned returns when anything was noted last: every call has a deadline, so a loop that is well notes something.
func (t *Tracker) Turned() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.turned
}

// Blocked returns why the shard stands still; ok is false if it does not. An error that only a person can mend counts
// at once.
func (t *Tracker) Blocked() (b Blocked, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !Permanent(t.err) && time.Since(t.progress) < t.after {
		return Blocked{}, false
	}
	reason := ReasonOf(t.err, t.waits)
	if t.err == nil && t.waits == S3 { // the object is still being sent
		reason = S3Slow
	}
	return Blocked{Reason: reason, Since: t.progress, Err: t.err}, true
}
