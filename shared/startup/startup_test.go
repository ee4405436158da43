package startup_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/wait"
)

func logger() (*logrus.Logger, *logrustest.Hook) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log, logrustest.NewLocal(log)
}

var errPassing = startup.NotYet("the table is UPDATING")

func TestAStartWaitsForWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logger()
		since := time.Now()
		err := startup.Wait(t.Context(), log, "the lease table", 5*time.Minute, func(context.Context) error {
			if time.Since(since) < time.Minute {
				return errPassing
			}
			return nil
		})
		if waited := time.Since(since); err != nil || waited < time.Minute || waited > 66*time.Second {
			t.Fatalf("%v after %v", err, waited)
		}
		if n := len(hook.AllEntries()); n != 7 { // at 0, 10, .. 60 s
			t.Errorf("%d lines in %v", n, time.Since(since))
		}
		for _, line := range hook.AllEntries() {
			if line.Message != "the start waits for the lease table" || line.Data["error"] != errPassing {
				t.Errorf("line %q %v", line.Message, line.Data)
			}
		}
	})
}

// Seen to fail without the goroutine: a step that hangs was told of when it ended.
func TestAStepThatHangsIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logger()
		hang := func(ctx context.Context) error { return wait.For(ctx, time.Hour) }
		err := startup.Wait(t.Context(), log, "the bucket", time.Minute, hang)
		if err == nil || !strings.Contains(err.Error(), "waited 1m0s for the bucket") || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := len(hook.AllEntries()); n < 5 || hook.AllEntries()[0].Data["error"].(error).Error() != "no answer" {
			t.Errorf("%d lines: %v", n, hook.AllEntries())
		}
	})
}

// Seen to fail when a step had the whole time: it hung once, and the start with it.
func TestAStepThatHangsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logger()
		tries := 0
		err := startup.Wait(t.Context(), log, "the bucket", 5*time.Minute, func(ctx context.Context) error {
			if tries++; tries == 1 {
				return wait.For(ctx, time.Hour)
			}
			return nil
		})
		if err != nil || tries != 2 {
			t.Errorf("%d tries, %v", tries, err)
		}
	})
}

func TestTheTimeoutIsToldWithTheLastReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logger()
		failed := false
		err := startup.Wait(t.Context(), log, "the stream", time.Minute, func(ctx context.Context) error {
			if !failed {
				failed = true
				return errPassing
			}
			return wait.For(ctx, time.Hour) // cut by the timeout: that is no reason
		})
		if !errors.Is(err, errPassing) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatAPersonMustMendEndsAStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logger()
		denied := errors.New("denied")
		since := time.Now()
		err := startup.Wait(t.Context(), log, "the stream", time.Minute, func(context.Context) error { return denied })
		if !errors.Is(err, denied) || time.Since(since) != 0 || len(hook.AllEntries()) != 0 {
			t.Errorf("%v after %v, %d lines", err, time.Since(since), len(hook.AllEntries()))
		}
	})
}

// Seen to fail when the error of the step came before the cause of the end.
func TestAStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logger()
		reason := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		since := time.Now()
		hang := func(ctx context.Context) error { return wait.For(ctx, time.Hour) }
		if err := startup.Wait(ctx, log, "the stream", time.Minute, hang); !errors.Is(err, reason) || time.Since(since) != time.Second {
			t.Errorf("%v after %v", err, time.Since(since))
		}
		passing := func(context.Context) error { return errPassing }
		if err := startup.Wait(ctx, log, "the stream", time.Minute, passing); !errors.Is(err, reason) {
			t.Errorf("got %v", err)
		}
	})
}
