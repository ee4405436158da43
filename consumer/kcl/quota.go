package kcl

import "time"

// Kinesis gives a shard 2 MB and 5 GetRecords calls a second, shared by all applications that poll it (Kinesis quotas).
// It lets one page exceed that, and then throttles until the page is paid for.
const (
	quotaBytes = 2_000_000
	quotaPace  = 255 * time.Millisecond
)

// quota says when the next page of a shard may be asked for. Bytes are paid for at a rate. What was not used is saved,
// for a second at most: so a commit, during which nothing is read, costs no throughput.
//
// The rate is the one that was set, until Kinesis throttles: then others read the shard, too. The rate falls by a
// quarter, once a second at most, and rises again by a fortieth of the quota a second.
type quota struct {
	most float64   // bytes a second; 0: no limit, until Kinesis throttles
	rate float64   // bytes a second at present; 0: no limit
	paid time.Time // when all bytes so far are paid for
	fell time.Time // when the rate fell last
	rose time.Time // when the rate was looked at last
}

func newQuota(bytesPerSecond int) quota {
	return quota{most: float64(bytesPerSecond), rate: float64(bytesPerSecond)}
}

// read pays for a page that was asked for at called, and returns when the next may be.
func (q *quota) read(called time.Time, bytes int) (due time.Time) {
	if q.rate == 0 {
		return called
	}
	q.rise(called)
	if saved := called.Add(-time.Second); q.paid.Before(saved) {
		q.paid = saved
	}
	q.paid = q.paid.Add(time.Duration(float64(bytes) / q.rate * float64(time.Second)))
	if due = called.Add(quotaPace); q.paid.After(due) {
		due = q.paid
	}
	return due
}

// rise gives the rate back that throttling took.
func (q *quota) rise(now time.Time) {
	if !q.rose.IsZero() {
		q.rate += q.unit() / 40 * max(0, now.Sub(q.rose).Seconds())
	}
	q.rose = now
	if q.most > 0 {
		q.rate = min(q.rate, q.most)
	}
}

// throttled lowers the rate. first: it was not lowered already.
func (q *quota) throttled(now time.Time) (first bool) {
	if q.rate == 0 {
		q.rate = quotaBytes
		first = true
	}
	q.paid = now // nothing is saved: the shard has less than we thought
	if now.Sub(q.fell) < time.Second {
		return false
	}
	q.rise(now)
	first = first || q.rate == q.most
	q.rate = max(q.unit()/20, q.rate*3/4)
	q.fell = now
	return first
}

// unit is what steps of the rate are measured in.
func (q *quota) unit() float64 {
	if q.most == 0 {
		return quotaBytes
	}
	return q.most
}
