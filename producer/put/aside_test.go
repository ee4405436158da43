package put_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/put"
	"example.com/callevents/shared/event"
)

// bad events are those that the stream refuses for what they are.
const bad = "POISON"

func putOne(t *testing.T, b *rig, text string) {
	t.Helper()
	r := put.Record{To: b.router.Next(), Created: time.Now(), Event: event.Event{CallID: id(b.made), JSON: []byte(text)}}
	b.made++
	if err := b.Put(r); err != nil {
		t.Fatal(err)
	}
}

// One bad event costs nothing but itself. Before, it ended the run, and each resend after it (seen: of three events none
// was put, and all were spilled).
func TestABadEventIsPutAsideAndCostsNothingElse(t *testing.T) {
	for name, run := range map[string]struct {
		cfg   put.Config
		known bool // the event is larger than the limit that the stream tells
		bad   []int
	}{
		"one of many":             {bad: []int{700}},
		"some of many":            {bad: []int{0, 1, 333, 334, 999}},
		"only one":                {bad: []int{0}},
		"larger than the limit":   {known: true, bad: []int{1, 5}},
		"in strict order":         {cfg: put.Config{StrictOrder: true}, bad: []int{0, 7, 8, 200}},
		"in a container":          {cfg: put.Config{Aggregate: true, Linger: time.Second}, bad: []int{17, 600}},
		"with one call at a time": {cfg: put.Config{InFlight: 1, Linger: time.Second}, bad: []int{3, 800}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 4, run.cfg, func(b *rig) {
					if !run.known {
						b.stream.invalid = func(data string) bool { return strings.Contains(data, bad) }
					}
				})
				began := time.Now()
				isBad := map[int]bool{}
				for _, n := range run.bad {
					isBad[n] = true
				}
				for n := range 1000 {
					switch {
					case isBad[n] && run.known:
						putOne(t, b, bad+strings.Repeat(" ", 1<<20+100))
					case isBad[n]:
						putOne(t, b, bad)
					default:
						putOne(t, b, "{}")
					}
				}
				if err := b.finish(); err != nil {
					t.Errorf("Run: %v", err)
				}
				if !run.cfg.Aggregate {
					b.verify(t)
				}
				if len(b.aside.events) != len(run.bad) || len(b.book.entries)+len(b.aside.events) != 1000 || len(b.spilled.events) > 0 {
					t.Errorf("%d put, %d aside, %d spilled", len(b.book.entries), len(b.aside.events), len(b.spilled.events))
				}
				for _, e := range b.aside.events {
					if !strings.Contains(string(e.JSON), bad) {
						t.Errorf("%s was put aside", e.CallID)
					}
				}
				took, calls := time.Since(began), len(b.stream.calls) // a call takes 20 ms
				if atMost := 40 + 30*len(run.bad); !run.cfg.StrictOrder && (took > 5*time.Second || calls > atMost) {
					t.Errorf("took %s and %d calls", took, calls)
				}
			})
		})
	}
}

// If Kinesis refuses everything, no record is to blame: the run ends, and nothing is lost.
func TestRefusalsOfEverythingEndTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{}, func(b *rig) {
			b.stream.fail = func() (error, bool) { return &types.ValidationException{}, false }
		})
		_ = b.make(1000)
		if err := b.finish(); err == nil || !strings.Contains(err.Error(), "in a row") {
			t.Errorf("Run: %v", err)
		}
		b.verify(t)
		if aside := len(b.aside.events); aside > 100 {
			t.Errorf("%d were put aside", aside)
		}
	})
}

// What cannot be put aside is spilled.
func TestABadEventIsSpilledIfItCannotBePutAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{}, func(b *rig) { b.aside.err = errors.New("disk full") })
		putOne(t, b, strings.Repeat(" ", 2<<20))
		putOne(t, b, "{}")
		if err := b.finish(); err != nil {
			t.Error(err)
		}
		b.verify(t)
		if len(b.spilled.events) != 1 || len(b.book.entries) != 1 {
			t.Errorf("%d spilled, %d put", len(b.spilled.events), len(b.book.entries))
		}
	})
}
