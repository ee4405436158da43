package put

import (
	"math"
	"time"
)

// bucket lets pass what a limit per second allows, with a tenth of a second's at once: enough for full batches, hardly a
// burst. As long as it owes nothing, it lets pass even what is larger than itself, and owes the rest: so the bucket can
// be small, and a record of any size still passes. In any time t less than t + 0.1 s allow pass, and one record.
type bucket struct {
	perSecond float64 // 0: no limit
	level     float64 // below 0: owed
	at        time.Time
}

// newBucket returns a full one.
func newBucket(perSecond int) bucket {
	return bucket{perSecond: float64(perSecond), level: float64(perSecond) / 10}
}

// wait fills the bucket for the time that has passed, and returns how long nothing may pass.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.perSecond == 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.level = min(b.perSecond/10, b.level+now.Sub(b.at).Seconds()*b.perSecond)
	}
	b.at = now
	return time.Duration(math.Ceil(max(0, -b.level) / b.perSecond * 1e9))
}

func (b *bucket) take(n int) { b.level -= float64(n) }
