package warehouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Remover is what a trial needs of S3 to take its probes away; *s3.Client has it. The consumer itself deletes nothing.
type Remover interface {
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Trial returns the store for somebody who only wants to know whether a start would succeed. Where earlier starts have left
// their probes, its preflight changes nothing. Else its probes have a name of their own, so that they are in nobody's way,
// and [Store.Remove] takes them away.
func (s *Store) Trial(ctx context.Context) (*Store, error) {
	for _, prefix := range s.prefixes() {
		switch _, err := s.headProbe(ctx, prefix+s.probe); {
		case status(err) == http.StatusNotFound:
			trial := *s
			trial.probe = Probe + "-" + rand.Text()
			return &trial, nil
		case err != nil:
			return nil, s.explain("head", prefix+s.probe, "s3:GetObject on the prefix and s3:ListBucket on the bucket", err)
		}
	}
	return s, nil
}

func (s *Store) prefixes() []string { return []string{s.Prefix, s.ErrorsPrefix} }

// Remove takes the probes of a trial away. It leaves what a start has left. The error names the empty objects that stay.
func (s *Store) Remove(ctx context.Context, remover Remover) error {
	if s.probe == Probe {
		return nil
	}
	var problems []error
	for _, prefix := range s.prefixes() {
		if _, err := s.headProbe(ctx, prefix+s.probe); status(err) == http.StatusNotFound {
			continue
		}
		_, err := remover.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: aws.String(prefix + s.probe)})
		if err != nil {
			problems = append(problems, fmt.Errorf("s3://%s/%s%s stays, an empty object as a start leaves one: %w", s.Bucket, prefix, s.probe, err))
		}
	}
	return errors.Join(problems...)
}
