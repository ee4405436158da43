package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of records per second. The zero value is no rate.
type Rate float64

// Max is the rate of a run that is not paced: the next record is always due now.
var Max = Rate(math.Inf(1))

// MarshalText writes the rate as UnmarshalText reads it.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the notation of the command line: records per second ("1", "0.5"), or per second, minute or hour
// ("100/s", "30/m", "1/h"), or "max".
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "max" {
		*r = Max
		return nil
	}
	number, unit, hasUnit := strings.Cut(string(text), "/")
	n, err := strconv.ParseFloat(number, 64)
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if !hasUnit {
		per, known = 1, true
	}
	if err != nil || !known || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(number, "xX_pP") {
		return fmt.Errorf("rate %q: use records per second, such as 1 or 0.5, or 100/s, 30/m, 1/h, or max", text)
	}
	*r = Rate(n / per)
	return nil
}

func (r Rate) String() string {
	if r == Max {
		return "max"
	}
	return strconv.FormatFloat(float64(r), 'g', -1, 64)
}

// DueAfter is the time from the start of the run until record n is due, counted from 0. It is at most 292 years.
func (r Rate) DueAfter(n uint64) time.Duration {
	nanos := math.Round(float64(n) / float64(r) * 1e9)
	if nanos >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanos)
}

// dueBefore is the number of records that are due less than d after the start of the run.
func (r Rate) dueBefore(d time.Duration) uint64 {
	n := uint64(max(0, d.Seconds()*float64(r)))
	for r.DueAfter(n) < d {
		n++
	}
	for n > 0 && r.DueAfter(n-1) >= d {
		n--
	}
	return n
}
