package units_test

import (
	"testing"
	"time"

	"example.com/callevents/shared/units"
)

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 400 * time.Millisecond: "0.4 s", 9400 * time.Millisecond: "9.4 s", 9900 * time.Millisecond: "10 s",
		12 * time.Second: "12 s", 99 * time.Second: "99 s", 371 * time.Second: "6 min 11 s", 23*time.Hour + 54*time.Minute: "23 h 54 min", 146 * time.Hour: "6 d 2 h",
	} {
		if got := units.Ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
