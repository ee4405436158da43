package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// Outcome of the one request that creates a link.
type Outcome string

const (
	Done    Outcome = "done"    // created, and durable
	Refused Outcome = "refused" // the place is taken: by another writer, or by an earlier request of ours
	Unknown Outcome = "unknown" // created or not: only the same request again can tell
)

// ErrNotTrusted means that no commit may start now.
var ErrNotTrusted = errors.New("the lease was not renewed in time, no commit may start")

// Create sends one request that makes the sealed batch the link at its place if, and only if, nothing is there. It is
// sent before until, the end of the lease's trust window, or not at all. It may end after until: the chain needs no lease
// to be right. Create may be called again with the same batch, and then sends the same request. The error says why the
// outcome is Unknown; otherwise it is nil.
func (s *Store) Create(ctx context.Context, until time.Time, b *Batch) (Outcome, error) {
	outcome, err := s.create(ctx, until, b)
	s.metrics.commits.WithLabelValues(string(outcome)).Inc()
	return outcome, err
}

func (s *Store) create(ctx context.Context, until time.Time, b *Batch) (Outcome, error) {
	now, link := time.Now(), s.Link(b)
	if !now.Before(until) {
		return Unknown, ErrNotTrusted
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(b.body.Len(), b.attempts))
	defer cancel()
	b.attempts++
	body := b.body.Reader()
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
		return Done, nil
	case status(err) == http.StatusPreconditionFailed:
		return Refused, nil
	case errors.Is(err, context.DeadlineExceeded) && !body.read():
		return Unknown, fmt.Errorf("%w: %w", ErrSlow, err)
	}
	return Unknown, err
}

const (
	requestTimeout = 15 * time.Second
	bytesPerSecond = 256 << 10       // of the slowest line that the first attempt gets through
	maxTransfer    = 8 * time.Minute // a loop that shows nothing for ten counts as standing
)

// timeout is the deadline of one request that sends so many bytes, after so many attempts. Each attempt has twice the
// time of the one before for the bytes, so a slower line gets through as well.
func (s *Store) timeout(bytes, attempts int) time.Duration {
	transfer := time.Duration(bytes) * time.Second / bytesPerSecond
	return s.Timeout + min(transfer<<min(attempts, 10), maxTransfer)
}

// once turns the SDK's own retries off: each outcome is ours to see.
func once(o *s3.Options) { o.RetryMaxAttempts = 1 }

var backoff = wait.Backoff{First: 100 * time.Millisecond, Last: 5 * time.Second}

// Again logs why a request for key failed, and waits before it is sent again. attempt counts from 1. The error is the
// cause of the context's end, if that comes first.
func (s *Store) Again(ctx context.Context, key string, attempt int, err error) error {
	log := s.log.WithError(err).WithFields(logrus.Fields{"object_key": key, "attempt": attempt})
	switch code := status(err); {
	case code == http.StatusConflict, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code < 400, code >= 500:
		log.Warn("S3 request not confirmed, sending it again")
	default:
		log.Error("S3 refuses the request, sending it again: check credentials, policy and bucket")
	}
	return wait.For(ctx, backoff.After(attempt))
}
