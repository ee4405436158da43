// Package wait has the ways in which loops wait here: for a time, for a signal, and between attempts. Every wait
// ends with its context. Everything is safe for concurrent use.
package wait

import (
	"context"
	"math/rand/v2"
	"time"
)

// For returns nil after d, or the cause of the context's end if that comes first. d may be zero or negative: then it
// only asks the context.
func For(ctx context.Context, d time.Duration) error {
	return Signal(nil).Wait(ctx, d)
}

// Until is For with a point in time.
func Until(ctx context.Context, at time.Time) error { return For(ctx, time.Until(at)) }

// Signal wakes one waiting loop. Signals that nobody has seen yet count as one. A nil Signal is never set.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(chan struct{}, 1) }

// Set wakes the loop that waits, or the next one that does. It returns at once.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default: // it is set
	}
}

// Wait returns nil when the signal is set or after d, whichever is first, and takes the signal back. If the context
// ended, it returns the cause.
func (s Signal) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s:
	case <-timer.C:
	}
	return context.Cause(ctx)
}

// Backoff says how long to wait between attempts: twice as long each time, with the second half of it at random, so
// that those who failed together do not come back together.
type Backoff struct {
	First time.Duration // after the first failure, at most
	Last  time.Duration // after many
}

// After returns the pause after so many failures in a row, at least one.
func (b Backoff) After(failures int) time.Duration {
	d := b.Last
	if doublings := failures - 1; doublings < 32 && b.First<<max(0, doublings) < b.Last {
		d = b.First << max(0, doublings)
	}
	return d/2 + rand.N(d/2+1)
}
