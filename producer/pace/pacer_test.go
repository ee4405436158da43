package pace_test

import (
	"context"
	"math"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"example.com/callevents/producer/pace"
)

// run asks for n records, does work before each, and returns when each came, counted from the start.
func run(t testing.TB, p *pace.Pacer, n int, work func(i int)) []time.Duration {
	t.Helper()
	start, given := time.Now(), make([]time.Duration, 0, n)
	for i := range n {
		work(i)
		if _, ok := p.Next(t.Context()); !ok {
			t.Fatalf("the run ended before record %d", i)
		}
		given = append(given, time.Since(start))
	}
	return given
}

func idle(int) {}

// Puts that take their time cause no drift: there are exactly rate x time records. At 3,999/s a minute is enough: an
// hour of virtual time has 14.4 million timers and takes 20 s. The next test covers the later minutes.
func TestRunHasItsRecordsAndNoDrift(t *testing.T) {
	for rate, length := range map[pace.Rate]time.Duration{1: time.Hour, 3999: time.Minute} {
		t.Run(rate.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pace.New(pace.Config{Rate: rate, Duration: length})
				start, records, worst := time.Now(), 0, time.Duration(0)
				for {
					due, ok := p.Next(t.Context())
					if !ok {
						break
					}
					exact := time.Duration(math.Round(float64(records) * 1e9 / float64(rate)))
					worst = max(worst, (time.Since(start) - exact).Abs(), (due.Sub(start) - exact).Abs())
					records++
					if records%100 == 0 {
						time.Sleep(time.Duration(float64(time.Second) / float64(rate) * 0.9))
					}
				}
				if want := int(length.Seconds() * float64(rate)); records != want || worst >= time.Millisecond {
					t.Errorf("%d records, worst drift %s; want %d records, under 1 ms", records, worst, want)
				}
				if elapsed := time.Since(start); elapsed > length {
					t.Errorf("%s took %s", length, elapsed)
				}
			})
		})
	}
}

// At any rate, due times are exact to 10 ns for a year.
func TestDueTimesDoNotDrift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := pace.Rate(rapid.Float64Range(1.0/3600, 5000).Draw(t, "rate"))
		n := rapid.Uint64Range(0, uint64(float64(rate)*86400*365)).Draw(t, "record")
		exact := new(big.Float).Quo(new(big.Float).SetUint64(n), big.NewFloat(float64(rate)))
		nanos, _ := exact.Mul(exact, big.NewFloat(1e9)).Float64()
		if diff := math.Abs(float64(rate.DueAfter(n)) - nanos); diff > 10 {
			t.Fatalf("record %d at %s/s is due %v ns off", n, rate, diff)
		}
	})
}

// A due time is never in the past, however low the rate is.
func TestDueTimesDoNotOverflow(t *testing.T) {
	for _, rate := range []pace.Rate{1e-9, 1e-12, 1e-300} {
		before := time.Duration(0)
		for n := range uint64(20) {
			due := rate.DueAfter(n)
			if due < before || (n > 0 && due < 24*time.Hour) {
				t.Errorf("record %d at %s/s is due after %s", n, rate, due)
			}
			before = due
		}
	}
}

func TestAnyWindowHasRateTimesTimeRecordsWithinOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := pace.Rate(rapid.Float64Range(1.0/3600, 5000).Draw(rt, "rate"))
		from := rapid.IntRange(0, 200).Draw(rt, "from")
		length := rapid.IntRange(0, 200).Draw(rt, "length")
		synctest.Test(t, func(t *testing.T) {
			given := run(t, pace.New(pace.Config{Rate: rate}), 402, idle)
			// the window begins with one record and ends just before another
			window := given[from+length] - given[from]
			if diff := math.Abs(float64(length) - window.Seconds()*float64(rate)); diff > 1 {
				t.Errorf("rate %s: %d records in %s", rate, length, window)
			}
		})
	})
}

func stall(at int, d time.Duration) func(int) {
	return func(i int) {
		if i == at {
			time.Sleep(d)
		}
	}
}

func TestAStallIsCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{Rate: 10})
		given := run(t, p, 200, stall(50, 5*time.Second))
		if last := given[199]; last != 19900*time.Millisecond {
			t.Errorf("record 199 came at %s, want it back on time", last)
		}
		s := p.Stats()
		// due at 5.0 s, asked for at 9.9 s; records due before 8.9 s were more than a second late
		if s.Latest != 4900*time.Millisecond || s.Late != 39 || s.Skipped != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestAStallIsSkippedOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{Rate: 10, SkipMissed: true})
		given := run(t, p, 100, stall(50, 5*time.Second))
		if given[50] != 9900*time.Millisecond || given[51] != 10*time.Second {
			t.Errorf("after the stall records came at %s and %s", given[50], given[51])
		}
		if s := p.Stats(); s.Skipped != 49 || s.Late != 0 || s.Records != 100 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCountEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{Rate: 2, Count: 3, Duration: time.Hour})
		run(t, p, 3, idle)
		if _, ok := p.Next(t.Context()); ok {
			t.Error("a fourth record of three")
		}
	})
}

func TestAStallAtTheEndLosesWhatWasDueAndSaysSo(t *testing.T) {
	for _, skip := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := pace.New(pace.Config{Rate: 10, Duration: 10 * time.Second, SkipMissed: skip})
			run(t, p, 50, idle)
			time.Sleep(time.Minute)
			if _, ok := p.Next(t.Context()); ok {
				t.Error("the run went on after its duration")
			}
			if s := p.Stats(); s.Records != 50 || s.Skipped != 50 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestMaxRateEndsAtItsDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start, n := pace.New(pace.Config{Rate: pace.Max, Duration: time.Second}), time.Now(), 0
		for {
			if _, ok := p.Next(t.Context()); !ok {
				break
			}
			n++
			time.Sleep(time.Millisecond)
		}
		if n != 1000 || time.Since(start) != time.Second {
			t.Errorf("%d records in %s", n, time.Since(start))
		}
	})
}

func TestWaitingForTheSourceIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{Rate: 1})
		run(t, p, 1, idle)
		time.Sleep(time.Minute)
		p.Forgive(time.Minute)
		if given := run(t, p, 2, idle); given[0] != time.Second || given[1] != 2*time.Second {
			t.Errorf("after an idle minute records came at %v", given)
		}
	})
}

func TestNextStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{Rate: 1.0 / 3600})
		run(t, p, 1, idle)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, ok := p.Next(ctx); ok {
			t.Error("a record after its context ended")
		}
	})
}

func TestRateNotation(t *testing.T) {
	for in, want := range map[string]pace.Rate{"1": 1, "0.5": 0.5, "3999/s": 3999, "30/m": 0.5, "1/h": 1.0 / 3600, "max": pace.Max, "-1": -1, "1e3": 1000} {
		var got pace.Rate
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%q = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "fast", "1/d", "1/", "/s", "inf", "NaN", "0x10", "1_000", "1 /s", "1/s/s"} {
		var got pace.Rate
		if err := got.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q = %v, want an error", in, got)
		}
	}
}

func FuzzRate(f *testing.F) {
	for _, s := range []string{"1", "1/h", "max", "1e400", "-0", "NaN/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var rate, back pace.Rate
		if rate.UnmarshalText([]byte(s)) != nil {
			return
		}
		if err := back.UnmarshalText([]byte(rate.String())); err != nil || back != rate {
			t.Fatalf("%q = %v, written %q, read back as %v (%v)", s, float64(rate), rate, back, err)
		}
	})
}
