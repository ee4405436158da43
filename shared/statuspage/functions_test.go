package statuspage_test

import (
	"math"
	"testing"

	"example.com/callevents/shared/statuspage"
)

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[any]string{0: "0", 999: "999", 1000: "1,000", uint64(8214377): "8,214,377"} {
		if got := statuspage.Count(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	for r, want := range map[float64]string{0: "0", 0.04: "0.0", 0.4: "0.4", 9.94: "9.9", 9.96: "10", 44143.4: "44,143"} {
		if got := statuspage.Rate(r); got != want {
			t.Errorf("%v: %s, want %s", r, got, want)
		}
	}
}

// What is not known is a gap, and a single point is still seen.
func TestACurveHasGaps(t *testing.T) {
	nan := math.NaN()
	got := statuspage.Draw([]float64{nan, 10, 5, nan, nan, 0, nan}, 10)
	if want := (statuspage.Curve{Line: "M1 2L2 50M5 98h.5", Area: "M1 2L2 50V100H1zM5 98h.5V100H5z"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := statuspage.Draw([]float64{nan, nan}, 0); got != (statuspage.Curve{}) {
		t.Errorf("%+v of nothing", got)
	}
	if got := statuspage.Highest([]float64{nan, 3}, nil, []float64{7, nan}); got != 7 {
		t.Errorf("highest %v", got)
	}
}
