package fleet

import (
	"math"
	"slices"
	"time"
)

const (
	sampleEvery = 2 * time.Second
	rateOver    = 5               // samples: a rate is over the last 10 s
	bucketSpan  = 5 * time.Second // of a curve's points
	buckets     = 60              // of a curve: 5 minutes
)

// curve is a shard's records a second over the last minutes.
type curve struct {
	newest int64 // bucket of the last point
	rates  [buckets]float32
}

func newCurve() *curve {
	c := &curve{}
	for i := range c.rates {
		c.rates[i] = float32(math.NaN())
	}
	return c
}

// set notes the rate of a bucket. Buckets in between are not known.
func (c *curve) set(bucket int64, rate float64) {
	for gap := c.newest + 1; gap < bucket && gap <= c.newest+buckets; gap++ {
		c.rates[gap%buckets] = float32(math.NaN())
	}
	c.newest = max(c.newest, bucket)
	c.rates[bucket%buckets] = float32(rate)
}

// points returns the rates up to that bucket, oldest first.
func (c *curve) points(bucket int64) []float64 {
	points := make([]float64, 0, buckets)
	for b := bucket - buckets + 1; b <= bucket; b++ {
		if b < 0 || b > c.newest || b <= c.newest-buckets {
			points = append(points, math.NaN())
		} else {
			points = append(points, float64(c.rates[b%buckets]))
		}
	}
	return points
}

// meter makes a rate of a counter.
type meter struct {
	at    []time.Time
	total []uint64
}

// rate notes the counter and returns how fast it grows. A counter that went back starts anew.
func (m *meter) rate(now time.Time, total uint64) float64 {
	if n := len(m.total); n > 0 && total < m.total[n-1] {
		m.at, m.total = nil, nil
	}
	m.at, m.total = append(m.at, now), append(m.total, total)
	if len(m.at) > rateOver+1 {
		m.at, m.total = slices.Delete(m.at, 0, 1), slices.Delete(m.total, 0, 1)
	}
	over := now.Sub(m.at[0]).Seconds()
	if over <= 0 {
		return 0
	}
	return float64(total-m.total[0]) / over
}
