// Package series makes rates of counters, and remembers them for the small curves of the status pages.
package series

import (
	"math"
	"slices"
	"time"
)

// SampleEvery is how often a counter is to be sampled.
const SampleEvery = 2 * time.Second

const (
	rateOver = 5               // samples: a rate is over the last 10 s
	span     = 5 * time.Second // of a curve's points
	points   = 60              // of a curve: 5 minutes
)

// Curve is a rate over the last five minutes. Not safe for concurrent use.
type Curve struct {
	began  time.Time
	newest int64 // number of the last point
	rates  [points]float32
}

// NewCurve returns a curve of which nothing is known.
func NewCurve() *Curve {
	c := &Curve{began: time.Now()}
	for i := range c.rates {
		c.rates[i] = float32(math.NaN())
	}
	return c
}

// Set notes the rate at a moment. What lies between it and the last one is not known.
func (c *Curve) Set(at time.Time, rate float64) {
	point := int64(max(0, at.Sub(c.began)) / span)
	for gap := c.newest + 1; gap < point && gap <= c.newest+points; gap++ {
		c.rates[gap%points] = float32(math.NaN())
	}
	c.newest = max(c.newest, point)
	c.rates[point%points] = float32(rate)
}

// Points returns the rates of the five minutes before a moment, oldest first; NaN is not known.
func (c *Curve) Points(at time.Time) []float64 {
	last := int64(max(0, at.Sub(c.began)) / span)
	all := make([]float64, 0, points)
	for point := last - points + 1; point <= last; point++ {
		if point < 0 || point > c.newest || point <= c.newest-points {
			all = append(all, math.NaN())
		} else {
			all = append(all, float64(c.rates[point%points]))
		}
	}
	return all
}

// Meter makes a rate of a counter. The zero value is ready. Not safe for concurrent use.
type Meter struct {
	at    []time.Time
	total []uint64
}

// Full reports whether the counter was sampled for as long as a rate is over.
func (m *Meter) Full() bool { return len(m.at) > rateOver }

// Rate notes the counter and returns how fast it grows. A counter that went back starts anew.
func (m *Meter) Rate(now time.Time, total uint64) float64 {
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
