package series_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/shared/series"
)

// Seen to fail when a gap kept what stood there five minutes before.
func TestACurveHasTheLastFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := series.NewCurve()
		for n := range 120 { // ten minutes
			c.Set(time.Now(), float64(n))
			time.Sleep(5 * time.Second)
		}
		points := c.Points(time.Now())
		if len(points) != 60 || points[0] != 61 || points[58] != 119 || !math.IsNaN(points[59]) {
			t.Errorf("%v", points)
		}
		time.Sleep(2 * time.Minute)
		c.Set(time.Now(), 7)
		points = c.Points(time.Now())
		if points[59] != 7 || !math.IsNaN(points[58]) || !math.IsNaN(points[35]) || points[34] != 119 {
			t.Errorf("%v", points)
		}
		time.Sleep(time.Hour)
		for _, p := range c.Points(time.Now()) {
			if !math.IsNaN(p) {
				t.Fatalf("%v of an hour ago", p)
			}
		}
	})
}

func TestARateIsOverTheLastSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m series.Meter
		for n, want := range []float64{0, 50, 50, 50, 50, 50, 40, 30, 20, 10, 0} {
			total := uint64(min(n, 5) * 100)
			if got := m.Rate(time.Now(), total); got != want || m.Full() != (n >= 5) {
				t.Errorf("sample %d: %v, full %v, want %v", n, got, m.Full(), want)
			}
			time.Sleep(series.SampleEvery)
		}
		if got := m.Rate(time.Now(), 3); got != 0 {
			t.Errorf("%v after the counter began anew", got)
		}
	})
}
