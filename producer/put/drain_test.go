package put_test

import (
	"strings"
	"testing"
	"time"

	"example.com/callevents/producer/put"
)

// A drain puts what it can, and leaves time to spill the rest before a supervisor's 30 s are over. Before, all 30 s were
// used up in a standstill.
func TestADrainEndsInGoodTime(t *testing.T) {
	for name, run := range map[string]struct {
		latency time.Duration
		records int
		want    time.Duration // how long it takes
		spills  bool
	}{
		"all is put":         {latency: 100 * time.Millisecond, records: 5000, want: time.Second},
		"Kinesis hangs":      {latency: time.Hour, records: 15_000, want: 5 * time.Second, spills: true},
		"Kinesis takes some": {latency: 2 * time.Second, records: 15_000, want: 20 * time.Second, spills: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, 4, put.Config{InFlight: 1}, func(b *rig) { b.stream.latency = run.latency })
				if err := b.make(run.records); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				go b.Drain(t.Context(), b.cancel)
				err := b.finish()
				if took := time.Since(began); took > run.want+100*time.Millisecond || took < run.want-time.Second {
					t.Errorf("took %s, want %s", took, run.want)
				}
				if spilled := len(b.spilled.events) > 0; spilled != run.spills || (err != nil && strings.Contains(err.Error(), "in the spill file")) != run.spills {
					t.Errorf("%d spilled, Run: %v", len(b.spilled.events), err)
				}
				b.verify(t)
			})
		})
	}
}
