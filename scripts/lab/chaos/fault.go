package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/callevents/shared/wait"
)

// fault is one fault that is being injected.
type fault struct {
	*chaos
	kind        kind
	rng         *rand.Rand
	overlapping bool // with other faults
	recovery    *recovery
}

// inject injects the fault and returns when it is over. It notes why, if the fault cannot be injected now.
func (f *fault) inject(ctx context.Context) {
	err := f.kind.inject(ctx, f)
	f.mu.Lock()
	if err == nil {
		f.injected[f.kind.name]++
	} else {
		f.skipped[f.kind.name] = err.Error()
	}
	f.mu.Unlock()
	if err != nil {
		f.note("not injected: %v", err)
	}
}

// begins says what the fault does, and measures the recovery from now on. A fault of several steps calls it for each.
func (f *fault) begins(format string, args ...any) {
	f.note(format, args...)
	f.recovery = f.watch.measure(nil, f.kind.name, f.overlapping)
}

// ended measures the recovery from now on instead. It is for a fault during which nothing could recover.
func (f *fault) ended() {
	f.recovery = f.watch.measure(f.recovery, f.kind.name, f.overlapping)
}

func (f *fault) note(format string, args ...any) {
	f.say("%-22s %s", f.kind.name, fmt.Sprintf(format, args...))
}

// pause waits. It returns early when the run is interrupted: the fault then mends what it has broken.
func pause(ctx context.Context, d time.Duration) { _ = wait.For(ctx, d) }

// random returns a duration in full milliseconds.
func (f *fault) random(least, most time.Duration) time.Duration {
	return (least + time.Duration(f.rng.Int64N(int64(most-least)))).Round(time.Millisecond)
}

// lockConsumer waits for a running consumer that no other fault uses. The caller unlocks its inUse.
func (f *fault) lockConsumer(ctx context.Context) (*consumer, error) {
	for range 100 {
		if c := f.fleet.lockRunning(f.rng); c != nil {
			return c, nil
		}
		pause(ctx, 200*time.Millisecond)
	}
	return nil, errors.New("other faults use all consumers")
}
