package put

import (
	"math"
	"time"
)

// bucket is a token bucket: it enforces a limit per second. It holds the tokens of a tenth of a second, enough for full
// batches and hardly a burst.
//
// An item may pass while the bucket is not in debt, and then takes its tokens even if that puts the bucket into debt. So
// an item that is larger than the bucket passes too, and the next ones wait until the debt is paid. In any t seconds
// the bucket lets pass the tokens of t + 0.1 seconds, and one item more at most.
type bucket struct {
	perSecond float64 // 0: no limit
	tokens    float64 // below 0: debt
	updated   time.Time
}

// newBucket returns a full bucket.
func newBucket(perSecond int) bucket {
	return bucket{perSecond: float64(perSecond), tokens: float64(perSecond) / 10}
}

// wait adds the tokens of the time that has passed, and returns how long the debt will last; 0: there is none.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.perSecond == 0 {
		return 0
	}
	if !b.updated.IsZero() {
		b.tokens = min(b.perSecond/10, b.tokens+now.Sub(b.updated).Seconds()*b.perSecond)
	}
	b.updated = now
	return time.Duration(math.Ceil(max(0, -b.tokens) / b.perSecond * 1e9))
}

// spend takes n tokens.
func (b *bucket) spend(n int) { b.tokens -= float64(n) }
