package warehouse

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/transform"
)

// DeadLetter is one rejected record, a line of a dead letter object. It has what a person needs to see what was wrong,
// and what a redrive needs to put the record back into the stream.
//
// The dead letters of a link are one object, <errors-prefix>dt=<day>/<shard>-after-<previous>.ndjson: the key of
// [Place.Key] under the errors prefix. Its format is NDJSON, also beside links in other formats. It exists if, and only
// if, the link has Rejected > 0, and then has that many lines, in the order of the shard.
type DeadLetter struct {
	Stream          string           `json:"stream"`
	ShardID         string           `json:"shard_id"`
	SequenceNumber  string           `json:"sequence_number"`
	SubSequence     int              `json:"sub_sequence"` // place inside an aggregated record; 0 for an ordinary one
	PartitionKey    string           `json:"partition_key"`
	ExplicitHashKey string           `json:"explicit_hash_key,omitempty"` // known for records from containers only
	ArrivalTime     time.Time        `json:"arrival_time"`
	Reason          transform.Reason `json:"reason"`
	Data            []byte           `json:"data"` // the original bytes, base64
}

// PutDeadLetters stores the dead letters of a link with Rejected > 0. It repeats the request until it succeeds or ctx
// ends. b holds them and has the link's range. Repeating the call is harmless.
//
// If b has all of them, they overwrite what is there. b may have fewer: retention trimmed part of the range before it
// was read again, or another version of the program judges differently. Then b replaces nothing that another writer
// may have stored, and a person is told.
func (s *Store) PutDeadLetters(ctx context.Context, link Link, b *Batch) error {
	in := &s3.PutObjectInput{
		Bucket:      &link.Bucket,
		Key:         &link.DeadLetters,
		ContentType: aws.String(NDJSON.contentType()),
		Metadata:    link.metadata(),
	}
	complete := b.first == link.First && b.last == link.Last && b.rejected == link.Rejected
	if !complete {
		in.IfNoneMatch = aws.String("*")
	}
	for attempt := 1; ; attempt++ {
		err := s.put(ctx, in, b.deadLetters.Reader(), once)
		switch {
		case err == nil && b.rejected != link.Rejected:
			s.log.WithFields(logrus.Fields{"object_key": link.DeadLetters, "rejected": link.Rejected, "recovered": b.rejected,
				"sequence_number": link.Last}).Error("dead letters incomplete: retention or a change of version took the rest")
			return nil
		case err == nil, !complete && status(err) == http.StatusPreconditionFailed:
			return nil
		}
		if err := s.Again(ctx, link.DeadLetters, attempt, err); err != nil {
			return fmt.Errorf("put dead letters %s: %w", link.DeadLetters, err)
		}
	}
}

func (s *Store) put(ctx context.Context, in *s3.PutObjectInput, body io.ReadSeeker, opts ...func(*s3.Options)) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	in.Body = body
	_, err := s.client.PutObject(ctx, in, opts...)
	return err
}

// DeadLettersMissing reports whether the link has rejected records whose dead letters are not there: its writer died
// between the two. It asks until it has an answer. The error is [ErrFatal], or the cause of the context's end.
func (s *Store) DeadLettersMissing(ctx context.Context, link Link) (bool, error) {
	if link.Rejected == 0 {
		return false, nil
	}
	for attempt := 1; ; attempt++ {
		err := s.headDeadLetters(ctx, link)
		switch status(err) {
		case http.StatusNotFound:
			return true, nil
		case http.StatusForbidden:
			return false, s.forbidden(link.Bucket, link.DeadLetters, err)
		}
		if err == nil {
			return false, nil
		}
		if err := s.Again(ctx, link.DeadLetters, attempt, err); err != nil {
			return false, fmt.Errorf("head dead letters %s: %w", link.DeadLetters, err)
		}
	}
}

func (s *Store) headDeadLetters(ctx context.Context, link Link) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	_, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &link.Bucket, Key: &link.DeadLetters})
	return err
}
