package generate_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/callevents/producer/generate"
	"example.com/callevents/shared/event"
)

// The format a second time, as a reader would write it. It must not be derived from event.Template.
var wire = regexp.MustCompile(strings.ReplaceAll(`^\{"event":\{"property":\{"call_id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","call_duration":"([1-9]\d|[12]\d\d|300)","call_status":"(completed|ongoing)"\},
"super_property":\{"source":"mandir","type":"purchase","producer":"user","name":"astrology_session_purchase","timestamp":"1767225600123"\}\},
"user":\{"user_id":"[1-9]\d\d","state":\{"coins":"([5-9]\d|1\d\d|200)","is_logged_in":"(true|false)","language":"(en|es|fr)","language_mode":"(en|es|fr)","country_code":"(US|UK|CA)","tz":"(America/New_York|Europe/London|Asia/Tokyo)"\},"device_segment":"([1-9]|[1-9]\d|100)"\},
"platform":\{"version":\{"integer":"[1-9]\d\d","string":"\d\.\d\.\d"\},"code":"com\.mandir","type":"iOS"\},"geo_location":null,
"device":\{"a_id":"[a-z0-9]{36}","state":\{"is_background":"(true|false)","is_online":"(true|false)","is_playing_music":"(true|false)"\},"hardware":\{"model_name":"iPhone 12","brand_name":"Apple","type":"Mobile"\},"software":\{"mobile":\{"version":"14","name":"iOS"\},"web":null\},
"ip":\{"ipv4":"192\.168(\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){2}","ipv6":"2401:db00:2110:3004:0:0:0:\d{1,5}"\},"system_language":"Spanish","system_id":"[a-z0-9]{16}"\},
"session":\{"number":"([1-9]|10)","id":"[a-z0-9]{32}"\},"referral":\{"user_id":"[1-9]\d\d","user_code":"[A-Z0-9]{7}"\}\}$`, "\n", ""))

func fixed() time.Time { return time.UnixMilli(1767225600123) }

func newGenerator(t testing.TB, seed uint64) *generate.Generator {
	t.Helper()
	g, err := generate.New(seed, fixed)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestEventsHaveTheWireFormat(t *testing.T) {
	g, ids := newGenerator(t, 1), map[string]bool{}
	for range 2000 {
		e, _ := g.Next(t.Context())
		if !wire.Match(e.JSON) {
			t.Fatalf("not a call event:\n%s", e.JSON)
		}
		parsed, err := event.Parse(e.JSON)
		if err != nil || parsed.CallID != e.CallID || ids[e.CallID] {
			t.Fatalf("call_id %q, parsed as %q (%v), seen before: %v", e.CallID, parsed.CallID, err, ids[e.CallID])
		}
		ids[e.CallID] = true
	}
}

func TestEveryValueVaries(t *testing.T) {
	g, values := newGenerator(t, 2), map[string]map[any]bool{}
	for range 2000 {
		var fields map[string]any
		if err := json.Unmarshal(g.Append(nil), &fields); err != nil {
			t.Fatal(err)
		}
		collect(values, "", fields)
	}
	for path, least := range map[string]int{".event.property.call_duration": 280, ".event.property.call_status": 2,
		".user.user_id": 750, ".user.state.coins": 150, ".user.state.is_logged_in": 2, ".user.state.language": 3, ".user.state.language_mode": 3,
		".user.state.country_code": 3, ".user.state.tz": 3, ".user.device_segment": 100, ".platform.version.integer": 750,
		".platform.version.string": 800, ".device.a_id": 2000, ".device.state.is_background": 2, ".device.ip.ipv4": 1900,
		".device.ip.ipv6": 1900, ".device.system_id": 2000, ".session.number": 10, ".session.id": 2000, ".referral.user_id": 750,
		".referral.user_code": 2000} {
		if got := len(values[path]); got < least {
			t.Errorf("%s has %d different values in 2,000 events, want at least %d", path, got, least)
		}
	}
}

func collect(values map[string]map[any]bool, path string, v any) {
	if object, ok := v.(map[string]any); ok {
		for name, field := range object {
			collect(values, path+"."+name, field)
		}
		return
	}
	if values[path] == nil {
		values[path] = map[any]bool{}
	}
	values[path][v] = true
}

func TestSeedRepeatsARun(t *testing.T) {
	a, b, other := newGenerator(t, 7), newGenerator(t, 7), newGenerator(t, 8)
	for range 100 {
		first := string(a.Append(nil))
		if first != string(b.Append(nil)) {
			t.Fatal("one seed, two different events")
		}
		if first == string(other.Append(nil)) {
			t.Fatal("two seeds, one event")
		}
	}
}

func TestGenerationAllocatesNothing(t *testing.T) {
	g, buf := newGenerator(t, 3), make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(1000, func() { buf = g.Append(buf[:0]) }); n != 0 {
		t.Fatalf("%v allocations per event", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	g, err := generate.New(1, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = g.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
