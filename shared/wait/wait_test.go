package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/shared/wait"
)

func TestForEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		if err := wait.For(t.Context(), time.Minute); err != nil || time.Since(started) != time.Minute {
			t.Fatalf("waited %v, %v", time.Since(started), err)
		}
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		started = time.Now()
		if err := wait.For(ctx, time.Minute); !errors.Is(err, reason) || time.Since(started) != time.Second {
			t.Fatalf("waited %v, %v", time.Since(started), err)
		}
		if err := wait.For(ctx, -1); !errors.Is(err, reason) {
			t.Fatal("an ended context is not told where there is nothing to wait for")
		}
		if err := wait.Until(t.Context(), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSignalsCountOnceAndAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wait.NewSignal()
		s.Set()
		s.Set() // does not block
		started := time.Now()
		for range 2 {
			if err := s.Wait(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(started); waited != time.Minute {
			t.Fatalf("two signals before the first wait: waited %v, want one that returns at once and one of a minute", waited)
		}
	})
}

func TestBackoffDoublesUpToItsLast(t *testing.T) {
	b := wait.Backoff{First: 100 * time.Millisecond, Last: 5 * time.Second}
	for failures, most := range map[int]time.Duration{0: b.First, 1: b.First, 2: 2 * b.First, 6: 32 * b.First, 7: b.Last, 1000: b.Last} {
		for range 100 {
			if d := b.After(failures); d < most/2 || d > most {
				t.Fatalf("after %d failures: %v, want %v to %v", failures, d, most/2, most)
			}
		}
	}
	if d := (wait.Backoff{}).After(3); d != 0 {
		t.Fatalf("no backoff: %v", d)
	}
}
