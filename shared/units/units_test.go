package units_test

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"pgregory.net/rapid"

	"example.com/callevents/shared/units"
)

// Before, MB was 2^20, and a plain number was no size.
func TestSizes(t *testing.T) {
	for text, want := range map[string]units.Bytes{"0": 0, "8388608": 8 << 20, "8MB": 8e6, "8MiB": 8 << 20, "1.5GiB": 3 << 29, "1kB": 1000, "1KB": 1000, "7B": 7} {
		var b units.Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s is %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "MB", "8M", "8mb", "x", "8 MB", "99999999TiB"} {
		var b units.Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, b)
		}
	}
	for b, want := range map[units.Bytes]string{0: "0", 8 << 20: "8MiB", 1e6: "1MB", 1500: "1500", 1 << 30: "1GiB"} {
		if b.String() != want {
			t.Errorf("%d is written as %s", int64(b), b)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := units.Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "bytes"))
		var again units.Bytes
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Errorf("%d is written as %s and read as %d, %v", int64(b), b, int64(again), err)
		}
	})
}

// Before, "30d" was no duration.
func TestDurationsHaveDays(t *testing.T) {
	var flags struct{ Keep time.Duration }
	parser, err := kong.New(&flags, units.Durations())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "90s": 90 * time.Second, "1h1m": 61 * time.Minute, "0": 0} {
		if _, err := parser.Parse([]string{"--keep", text}); err != nil || flags.Keep != want {
			t.Errorf("%s is %s, %v", text, flags.Keep, err)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "-1d", "1d-1h", "1d1", "200000d", "1w"} {
		if d, err := units.ParseDuration(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
}
