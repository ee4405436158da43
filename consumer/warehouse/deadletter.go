package warehouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/transform"
)

// DeadLetter is one rejected record, a line of a dead letter object. It has what a person needs to see what was wrong,
// and what a redrive needs to put the record back into the stream.
//
// The dead letters of a link are one object, <errors-prefix><application>/dt=<day>/<shard>-after-<previous>.ndjson: the
// key of [Place.Key] under the application's folder, so that applications can share an errors prefix. The first version
// had no folder. The link's metadata has the key. The format is NDJSON, also beside links in other formats. The object
// exists if, and only if, the link has Rejected > 0, and then has that many lines, in the order of the shard. Its metadata
// is the link's.
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

// DeadLettersPrefix is what the keys of an application's dead letters begin with.
func DeadLettersPrefix(errorsPrefix, application string) string {
	return errorsPrefix + application + "/"
}

// DeadLettersOwner returns the application in whose folder a key under the errors prefix lies; empty if it lies where the
// first version put all.
func DeadLettersOwner(errorsPrefix, key string) (application string) {
	folder, _, _ := strings.Cut(strings.TrimPrefix(key, errorsPrefix), "/")
	if strings.HasPrefix(folder, "dt=") {
		return ""
	}
	return folder
}

// PutDeadLetters stores the dead letters of a link with Rejected > 0. b holds them and has the link's range. An error that
// is not [ErrFatal] leaves open whether they are stored: call it again, with attempt counting from 1. Repeating the call is
// harmless.
//
// They are created. If something is there, it is looked at: only dead letters of this very link are overwritten, and
// only by all of them. b may have fewer: retention trimmed part of the range before it was read again, or another
// version of the program judges differently. Then a person is told. [ErrFatal] means that the key is not one for the dead
// letters of the link, or that somebody else's object is there; nothing is overwritten.
func (s *Store) PutDeadLetters(ctx context.Context, link Link, b *Batch, attempt int) error {
	if err := s.checkDeadLetters(link); err != nil {
		return err
	}
	complete := b.first == link.First && b.last == link.Last && b.rejected == link.Rejected
	err := s.putDeadLetters(ctx, link, b, complete, attempt)
	switch {
	case err == nil && b.rejected != link.Rejected:
		s.log.WithFields(logrus.Fields{"object_key": link.DeadLetters, "rejected": link.Rejected, "recovered": b.rejected,
			"sequence_number": link.Last}).Error("dead letters incomplete: retention or a change of version took the rest")
	case err != nil && !errors.Is(err, errThere):
		return fmt.Errorf("put dead letters %s: %w", link.DeadLetters, err)
	}
	return nil
}

// errThere means that dead letters of the link are there, and those at hand are no more.
var errThere = errors.New("the dead letters are there")

// putDeadLetters is one attempt: create, and overwrite if what is there is this link's and may be less.
func (s *Store) putDeadLetters(ctx context.Context, link Link, b *Batch, complete bool, attempt int) error {
	in := &s3.PutObjectInput{
		Bucket:      &link.Bucket,
		Key:         &link.DeadLetters,
		ContentType: aws.String(NDJSON.contentType()),
		Metadata:    link.metadata(),
		IfNoneMatch: aws.String("*"),
	}
	put := func() error {
		ctx, cancel := context.WithTimeout(ctx, s.timeout(b.deadLetters.Len(), attempt-1))
		defer cancel()
		in.Body = b.deadLetters.Reader()
		_, err := s.client.PutObject(ctx, in, once)
		return err
	}
	err := put()
	if status(err) != http.StatusPreconditionFailed {
		return err
	}
	there, err := s.headDeadLetters(ctx, link)
	switch {
	case status(err) == http.StatusForbidden:
		return s.forbidden(link.Bucket, link.DeadLetters, err)
	case err != nil:
		return err
	case !isDeadLetters(there, link):
		return fmt.Errorf("%w: s3://%s/%s is not the dead letters of %s: nothing was overwritten; move it away, or choose "+
			"another --errors-prefix", ErrForeign, link.Bucket, link.DeadLetters, link.Key())
	case !complete:
		return errThere
	}
	in.IfNoneMatch = nil
	return put()
}

// isDeadLetters reports whether the metadata is that of the link's dead letters. A link has the same metadata, but for
// the key: it never names its own.
func isDeadLetters(metadata map[string]string, link Link) bool {
	p := metadataParser{values: metadata}
	return p.text("dead-letters") == link.DeadLetters && p.text("application") == link.Application && p.text("stream") == link.Stream &&
		p.text("shard") == link.Shard && p.text("previous") == link.Previous.String() && p.err == nil
}

// checkDeadLetters reports a key that is not one for the dead letters of the link. It comes from the link's metadata, which
// somebody else may have written. Its errors prefix need not be the present one, but no link may be able to lie there.
func (s *Store) checkDeadLetters(link Link) error {
	prefix, ok := strings.CutSuffix(link.DeadLetters, link.Place.Key("", NDJSON))
	ok = ok && strings.HasSuffix(prefix, "/")
	for _, at := range slices.Concat(s.Locations, []Location{s.Location, link.Location}) {
		_, _, err := ParseKey(at.Prefix, link.DeadLetters)
		ok = ok && (err != nil || at.Bucket != link.Bucket)
	}
	if !ok {
		return fmt.Errorf("%w: s3://%s/%s: its metadata names %q for its dead letters, which is no place for them: nothing was "+
			"written; move the object away", ErrNoLink, link.Bucket, link.Key(), link.DeadLetters)
	}
	return nil
}

func (s *Store) put(ctx context.Context, in *s3.PutObjectInput, body io.ReadSeeker, opts ...func(*s3.Options)) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	in.Body = body
	_, err := s.client.PutObject(ctx, in, opts...)
	return err
}

// DeadLettersMissing reports whether the link has rejected records whose dead letters are not there: its writer died
// between the two. An error that is not [ErrFatal] leaves that open.
func (s *Store) DeadLettersMissing(ctx context.Context, link Link) (bool, error) {
	if link.Rejected == 0 {
		return false, nil
	}
	if err := s.checkDeadLetters(link); err != nil {
		return false, err
	}
	there, err := s.headDeadLetters(ctx, link)
	switch {
	case status(err) == http.StatusNotFound:
		return true, nil
	case status(err) == http.StatusForbidden:
		return false, s.forbidden(link.Bucket, link.DeadLetters, err)
	case err != nil:
		return false, fmt.Errorf("head dead letters %s: %w", link.DeadLetters, err)
	}
	return !isDeadLetters(there, link), nil // if they are somebody else's, the attempt to store ours says so
}

func (s *Store) headDeadLetters(ctx context.Context, link Link) (metadata map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &link.Bucket, Key: &link.DeadLetters})
	if err != nil {
		return nil, err
	}
	return out.Metadata, nil
}
