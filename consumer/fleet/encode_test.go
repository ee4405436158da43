package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
)

var noon = time.Unix(1_764_158_400, 0)

func shard(n int) string { return fmt.Sprintf("shardId-%012d", n) }

// The text is what people read in DynamoDB's console.
func TestAReportIsReadableAndComesBack(t *testing.T) {
	shards := []fleet.Figures{
		{Shard: shard(1), State: fleet.Reading, Rate: 52.25, Behind: 420 * time.Millisecond, Oldest: 9 * time.Second, Newest: noon.Add(-31 * time.Second)},
		{Shard: shard(0), State: fleet.Reading},
		{Shard: shard(4), State: fleet.Blocked, Reason: stall.S3Denied, Behind: 312 * time.Second, Oldest: 371 * time.Second, Newest: noon.Add(-370 * time.Second)},
		{Shard: shard(137), State: fleet.CatchingUp, Rate: 118, Behind: 48 * time.Second, Oldest: 55 * time.Second, Newest: noon},
	}
	r := fleet.NewReport("v1.2.0", noon.Add(-time.Hour), noon, shards)
	text := r.Encode(lease.ReportBytes)
	want := "1 v1.2.0 from=1764154800 at=1764158400 held=4 rate=170 behind=312 oldest=371" +
		"|s3_denied 4,0,312,371,371|catching_up 137,118,48,55,1|reading 1,52,0.4,9,32 0"
	if string(text) != want {
		t.Fatalf("%s, want %s", text, want)
	}
	back, ok := fleet.Decode(text)
	if !ok || back.Version != r.Version || !back.Started.Equal(r.Started) || back.Held != 4 || back.Oldest != r.Oldest || len(back.Shards) != 4 {
		t.Fatalf("%+v, %t", back, ok)
	}
	for i, s := range back.Shards {
		want := r.Shards[i]
		if s.Shard != want.Shard || s.State != want.State || s.Reason != want.Reason || s.Oldest != want.Oldest ||
			!s.Newest.Equal(want.Newest) || max(s.Rate-want.Rate, want.Rate-s.Rate) > 0.5 || max(s.Behind-want.Behind, want.Behind-s.Behind) > 50*time.Millisecond {
			t.Errorf("%+v, want %+v", s, want)
		}
	}
}

// A worker holds 20 to 50 shards, and may hold all of a large stream. Seen to fail when the shards were in the order of their
// names: the one that stands still was cut off.
func TestAReportIsBoundedAndHasTheWorstFirst(t *testing.T) {
	for _, n := range []int{0, 1, 20, 50, 1000} {
		var shards []fleet.Figures
		for i := range n {
			shards = append(shards, fleet.Figures{Shard: shard(5000 + i), State: fleet.Reading, Rate: 52, Oldest: time.Duration(i%60) * time.Second, Newest: noon.Add(-time.Minute)})
		}
		if n > 0 {
			shards[n-1].State, shards[n-1].Reason, shards[n-1].Oldest = fleet.Blocked, stall.LocationUnreadable, 100*time.Hour
		}
		text := fleet.NewReport("v1.2.0-0.20261126140000-0123456789ab", noon, noon, shards).Encode(lease.ReportBytes)
		back, ok := fleet.Decode(text)
		if len(text) > lease.ReportBytes || !ok || back.Held != n || n > 0 && (back.Oldest != 100*time.Hour || back.Shards[0].Reason != stall.LocationUnreadable) {
			t.Errorf("%d shards: %d bytes, %t, %+v", n, len(text), ok, back)
		}
		if len(back.Shards) < min(n, 30) {
			t.Errorf("%d shards: only %d are named", n, len(back.Shards))
		}
		t.Logf("%d shards: %d bytes, %d named", n, len(text), len(back.Shards))
	}
}

func TestWhatIsNoReportIsNotReadable(t *testing.T) {
	for _, text := range []string{"", "1", "2 v2 from=1", "{}", "\x00\xff", "1 " + strings.Repeat("v", 5000)} {
		if _, ok := fleet.Decode([]byte(text)); ok {
			t.Errorf("%.20q was read", text)
		}
	}
	r, ok := fleet.Decode([]byte("1 v9 from=x at=-1 held=1e99 later=3|reading 1,NaN,-4,1e300 x, 999999999999999|moon_phase 7,1,2,3,4,5,6||"))
	if !ok || r.Held != 0 || len(r.Shards) != 2 || r.Shards[0] != (fleet.Figures{Shard: shard(1), State: fleet.Reading}) ||
		r.Shards[1].State != fleet.Blocked || r.Shards[1].Reason != "moon_phase" {
		t.Errorf("%+v, %t", r, ok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("1 v1 from=1 at=2 held=3 rate=4 behind=5 oldest=6|s3_denied 4,0,312,371,370|reading 1,52,0.4,9,31 0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, ok := fleet.Decode(text)
		if again := r.Encode(lease.ReportBytes); ok && len(again) > lease.ReportBytes {
			t.Errorf("%d bytes", len(again))
		}
	})
}
