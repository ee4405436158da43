package warehouse

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"
)

// Window is the time in which a writer may start a commit; a lease has it.
type Window interface {
	// Deadline ends the window as known now; it moves on with every renewal. The zero time: closed.
	Deadline() time.Time
}

// Commit makes b the next link of its chain and returns the link that is now at b's place, durably: b itself, or,
// if another writer (or an earlier attempt of ours) was quicker, the link to be adopted in its place. It returns
// an error only when ctx ended, with the outcome unknown, or with [ErrFatal]. The batch is sealed; until it is begun
// anew, Commit may be called again with it and sends the same request.
func (s *Store) Commit(ctx context.Context, window Window, b *Batch) (Link, error) {
	link := b.link(s)
	for attempt := 0; ; attempt++ {
		result, err := s.create(ctx, window, link, b.body.Reader())
		s.metrics.commits.WithLabelValues(string(result)).Inc()
		switch result {
		case done:
			// If we die here, the link is there and the checkpoint behind it: our successor finds it as the tip.
			return link, nil
		case refused:
			there, ok, headErr := s.head(ctx, s.Location, link.Place, link.Format)
			if ok || isFatal(headErr) {
				return there, headErr
			}
			err = headErr // not known who won, or nobody: nothing may follow before the same request got its answer
		}
		s.warn(err, attempt, link.Key())
		if err := pause(ctx, attempt); err != nil {
			return Link{}, fmt.Errorf("commit %s: outcome unknown: %w", link.Key(), err)
		}
	}
}

// create sends the one request that decides: it creates the object if, and only if, nothing has its name. We may
// die, or be paused, at any moment in here: the request takes effect once or not at all, and never twice.
func (s *Store) create(ctx context.Context, window Window, link Link, body io.ReadSeeker) (outcome, error) {
	now, until := time.Now(), window.Deadline()
	if !now.Before(until) {
		return unknown, fmt.Errorf("lease was not renewed in time, no commit may start")
	}
	ctx, cancel := context.WithDeadline(ctx, earlier(until, now.Add(s.Timeout)))
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &link.Bucket,
		Key:         aws.String(link.Key()),
		Body:        body,
		ContentType: aws.String(link.Format.contentType()),
		Metadata:    link.metadata(),
		IfNoneMatch: aws.String("*"),
	}, once)
	switch {
	case err == nil:
		return done, nil
	case status(err) == http.StatusPreconditionFailed:
		return refused, nil
	}
	return unknown, err
}

// once turns the SDK's own retries off: each outcome is ours to see.
func once(o *s3.Options) { o.RetryMaxAttempts = 1 }

// warn says what a person must act on with an Error, and what passes by itself with a Warning.
func (s *Store) warn(err error, attempt int, key string) {
	log := s.log.WithError(err).WithFields(logrus.Fields{"object_key": key, "attempt": attempt + 1})
	switch code := status(err); {
	case code == http.StatusConflict, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code < 400, code >= 500:
		log.Warn("object not confirmed, sending it again")
	default:
		log.Error("object refused, sending it again: check credentials, policy and bucket")
	}
}

// Pauses between attempts double from the first to the last, with full jitter above half.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// pause waits before the next attempt, unless ctx ends.
func pause(ctx context.Context, attempt int) error {
	d := min(lastPause, firstPause<<min(attempt, 10))
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
