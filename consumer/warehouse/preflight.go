package warehouse

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/wait"
)

// Probe is the name of the object that [Store.Preflight] leaves directly under each prefix: outside the partitions, where
// query engines do not look.
const Probe = "_preflight"

// Preflight checks what the chain rests on, before anything is read: the bucket refuses a create of what exists, tells
// absent objects from forbidden ones, and takes objects under both prefixes. It leaves an empty object called
// _preflight under each prefix. Every error says what to do. [ErrFatal] means that trying again is of no use.
func (s *Store) Preflight(ctx context.Context) error {
	steps := []func(context.Context) error{s.probeCreate, s.probeAbsent, s.probeList, s.probeErrors}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return fmt.Errorf("preflight of %s: %w", s.Location, err)
		}
	}
	return nil
}

// probeCreate creates the probe twice. One of the two must be refused: the first, if an earlier start has left the object.
func (s *Store) probeCreate(ctx context.Context) error {
	for range 2 {
		err := s.putProbe(ctx, s.Prefix, aws.String("*"))
		if status(err) == http.StatusPreconditionFailed {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fatal("the store ignores If-None-Match: two writers could both create the same object, and records would "+
		"be there twice; use a store with conditional writes, such as Amazon S3: bucket %s", s.Bucket)
}

func (s *Store) probeErrors(ctx context.Context) error { return s.putProbe(ctx, s.ErrorsPrefix, nil) }

// conflicts is how often in a row another instance, starting at the same time, may be in the way.
const conflicts = 10

func (s *Store) putProbe(ctx context.Context, prefix string, ifNoneMatch *string) error {
	in := &s3.PutObjectInput{Bucket: &s.Bucket, Key: aws.String(prefix + Probe), IfNoneMatch: ifNoneMatch}
	err := s.put(ctx, in, strings.NewReader(""))
	for attempt := 1; attempt <= conflicts && status(err) == http.StatusConflict && wait.For(ctx, backoff.After(attempt)) == nil; attempt++ {
		err = s.put(ctx, in, strings.NewReader(""))
	}
	switch status(err) {
	case http.StatusForbidden:
		return fatal("put %s%s: %w; allow s3:PutObject there", prefix, Probe, err)
	case http.StatusNotFound:
		return fatal("put %s%s: %w; create the bucket %s, or choose another --bucket", prefix, Probe, err, s.Bucket)
	case http.StatusMovedPermanently:
		return fatal("put %s%s: %w; the bucket %s is in another region than the stream: choose another --bucket, or set AWS_REGION", prefix, Probe, err, s.Bucket)
	case http.StatusNotImplemented:
		return fatal("put %s%s: %w; the store has no conditional writes, use one that has, such as Amazon S3", prefix, Probe, err)
	}
	if err != nil && status(err) != http.StatusPreconditionFailed {
		return fmt.Errorf("put %s%s: %w", prefix, Probe, err)
	}
	return err
}

// probeAbsent asks for an object that nobody makes. Without s3:ListBucket, S3 answers 403.
func (s *Store) probeAbsent(ctx context.Context) error {
	_, ok, err := s.head(ctx, s.Location, Place{Shard: "preflight", Day: FirstDay}, s.Format)
	if ok {
		return fatal("the object %s is not ours: remove it", Place{Shard: "preflight", Day: FirstDay}.Key(s.Prefix, s.Format))
	}
	return err
}

func (s *Store) probeList(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &s.Prefix, MaxKeys: aws.Int32(1)})
	if status(err) == http.StatusForbidden {
		return fatal("list %s: %w; allow s3:ListBucket on the bucket", s.Prefix, err)
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", s.Prefix, err)
	}
	return nil
}
