// Package startup is how both programs start: they wait for what may pass by itself, and end at once on what a person
// must mend. [Passing] tells the two apart.
package startup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// reportEvery is the pause between two log lines of a start that waits.
const reportEvery = 10 * time.Second

// stepTimeout bounds one step: a connection that hangs in the middle of an answer must not use up the whole start.
const stepTimeout = 2 * time.Minute

// backoff is the pause between two steps. The SDK has tried each call three times by then.
var backoff = wait.Backoff{First: 200 * time.Millisecond, Last: 5 * time.Second}

// Wait repeats step until it succeeds, as long as its errors are [Passing]. It returns nil, the first error that does not
// pass, or the last one once the timeout is over, and the cause of ctx's end if that comes first. The step gets a context
// that ends with the timeout, or after two minutes: then it is tried again.
//
// The first error is logged at once. From then on a line each 10 s says what is waited for and why, also while a step
// hangs. what is the thing, such as "the stream".
func Wait(ctx context.Context, log logrus.FieldLogger, what string, timeout time.Duration, step func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	report := newReport(log, what, timeout)
	defer report.stop()
	for attempt := 1; ; attempt++ {
		err := try(limited, step)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !Passing(err) {
			return err
		}
		report.failed(err, limited.Err() != nil)
		if wait.For(limited, backoff.After(attempt)) != nil {
			return report.over(ctx)
		}
	}
}

func try(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return step(ctx)
}

// report is what a person sees of a start that waits.
type report struct {
	log     logrus.FieldLogger
	what    string
	timeout time.Duration
	since   time.Time
	ticker  *time.Ticker
	end     chan struct{}
	ended   sync.WaitGroup

	mu   sync.Mutex
	last error // the newest error
}

var errNoAnswer = errors.New("no answer")

func newReport(log logrus.FieldLogger, what string, timeout time.Duration) *report {
	r := &report{log: log, what: what, timeout: timeout, since: time.Now(), ticker: time.NewTicker(reportEvery),
		end: make(chan struct{}), last: errNoAnswer}
	r.ended.Go(r.run)
	return r
}

func (r *report) run() {
	for {
		select {
		case <-r.end:
			return
		case <-r.ticker.C:
			r.mu.Lock()
			r.say()
			r.mu.Unlock()
		}
	}
}

func (r *report) stop() {
	r.ticker.Stop()
	close(r.end)
	r.ended.Wait()
}

// say is called under the lock.
func (r *report) say() {
	r.log.WithError(r.last).WithFields(logrus.Fields{"waited": time.Since(r.since).Round(time.Second), "at_most": r.timeout.Round(time.Second)}).
		Warn("the start waits for " + r.what)
}

// failed notes why the start waits. An error that the timeout has cut says less than the one before it.
func (r *report) failed(err error, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := errors.Is(r.last, errNoAnswer)
	if first || !cut {
		r.last = err
	}
	if first && !cut {
		r.say()
		r.ticker.Reset(reportEvery)
	}
}

// over is the error of a start that has waited long enough, or that is to end.
func (r *report) over(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("waited %v for %s, longer than --start-timeout allows: %w", time.Since(r.since).Round(time.Second), r.what, r.last)
}
