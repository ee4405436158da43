package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/wait"
)

// Probe is the name of the object that [Store.Preflight] leaves directly under each prefix: outside the partitions, where
// query engines do not look.
const Probe = "_preflight"

// Limits of Amazon S3 (user guide, "Creating object key names" and "Working with object metadata").
const (
	maxKeyBytes      = 1024
	maxMetadataBytes = 2 << 10 // of keys and values
)

// Preflight checks what the chain rests on, before anything is read. It makes each kind of request that the run makes,
// with names and metadata as long as they can become: the bucket lists by a part of a name, tells absent objects from
// forbidden ones, creates nothing that exists, and takes objects under both prefixes. It reads before it writes, so
// that it leaves nothing under the prefix of another application. It leaves an empty object called _preflight under each
// prefix. Every error says what to do. [ErrFatal] means that trying again is of no use.
func (s *Store) Preflight(ctx context.Context) error {
	return startup.All(slices.Concat(s.Looks(), s.Tries()))(ctx)
}

// Looks are the steps of the preflight that only read.
func (s *Store) Looks() []startup.Step {
	return s.steps([]startup.Step{
		{Name: "length of names", Try: s.checkNames},
		{Name: "s3:ListBucket", Try: s.probeDays},
		{Name: "s3:GetObject, absent objects", Try: s.probeAbsent},
		{Name: "nobody else's prefix", Try: s.probeForeign},
	})
}

// Tries are the steps of the preflight that write, and read what they have written.
func (s *Store) Tries() []startup.Step {
	return s.steps([]startup.Step{
		{Name: "s3:PutObject, conditional", Try: s.probeCreate},
		{Name: "s3:GetObject", Try: s.probePresent},
		{Name: "listing by a part of a name", Try: s.probeList},
		{Name: "s3:PutObject of dead letters", Try: s.probeErrors},
	})
}

// steps adds to the errors of steps where they come from.
func (s *Store) steps(steps []startup.Step) []startup.Step {
	for i, step := range steps {
		steps[i].Try = func(ctx context.Context) error {
			if err := step.Try(ctx); err != nil {
				return fmt.Errorf("preflight of %s: %w", s.Location, err)
			}
			return nil
		}
	}
	return steps
}

// longest is a link whose key and metadata are as long as any of this store's.
func (s *Store) longest() Link {
	highest := sequence.Number(strings.Repeat("9", sequence.Digits))
	link := s.Link(&Batch{
		place: Place{Shard: "shardId-999999999999", Previous: highest, Day: FirstDay},
		first: highest, last: highest, nextDay: FirstDay, records: 1e9, rejected: 1e9, format: s.Format,
		ByIdentity: true, copies: 1e9,
	})
	link.Memory = strings.Repeat("m", max(0, link.room())) // what is left over is the memory's
	return link
}

// checkNames needs no request.
func (s *Store) checkNames(context.Context) error {
	link := s.longest()
	for flag, key := range map[string]string{"prefix": link.Key(), "errors-prefix": link.DeadLetters} {
		if len(key) > maxKeyBytes {
			return fatal("keys would have up to %d bytes, S3 takes %d: shorten --%s by %d", len(key), maxKeyBytes, flag, len(key)-maxKeyBytes)
		}
	}
	size := -len(link.Memory)
	for key, value := range link.metadata() {
		size += len(key) + len(value)
	}
	if size > maxMetadataBytes {
		return fatal("the metadata of an object would have up to %d bytes, S3 takes %d: shorten --worker-id, --errors-prefix or --app by %d",
			size, maxMetadataBytes, size-maxMetadataBytes)
	}
	return nil
}

// probeDays lists as the search for the newest days does, by a prefix that does not end with a slash.
func (s *Store) probeDays(ctx context.Context) error {
	_, err := s.probeListing(ctx, "dt=", aws.String("/"), "")
	return err
}

// probeAbsent asks for an object that nobody makes, with a key as long as any. Without s3:ListBucket, S3 answers 403.
func (s *Store) probeAbsent(ctx context.Context) error {
	place := s.longest().Place
	_, ok, err := s.head(ctx, s.Location, place, s.Format)
	if ok {
		return fatal("the object %s is not ours: remove it", place.Key(s.Prefix, s.Format))
	}
	return err
}

// foreignLooks is how many of the oldest links probeForeign reads at most.
const foreignLooks = 5

// probeForeign looks at the oldest links under the prefix. If none of them is ours, another application writes here. A
// single object of somebody else is not enough: it concerns its shard alone.
func (s *Store) probeForeign(ctx context.Context) error {
	listing, err := s.probeListing(ctx, "dt=", nil, "")
	if err != nil {
		return err
	}
	var foreign error
	looks := 0
	for _, object := range listing.Contents {
		place, format, err := ParseKey(s.Prefix, aws.ToString(object.Key))
		if err != nil || looks == foreignLooks {
			continue
		}
		looks++
		out, err := s.headProbe(ctx, aws.ToString(object.Key))
		if status(err) == http.StatusNotFound { // a lifecycle rule was faster
			continue
		}
		if err != nil {
			return s.explain("head", aws.ToString(object.Key), "s3:GetObject on the prefix and s3:ListBucket on the bucket", err)
		}
		link, err := parseLink(s.Location, place, format, out.Metadata)
		switch {
		case err != nil: // damaged, or no link at all
		case link.Application == s.Application && link.Stream == s.Stream:
			return nil
		case foreign == nil:
			foreign = fatal("s3://%s/%s belongs to application %q on stream %q, this is %q on %q: two applications cannot share a prefix, "+
				"choose another --prefix", s.Bucket, link.Key(), link.Application, link.Stream, s.Application, s.Stream)
		}
	}
	return foreign
}

func (s *Store) headProbe(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.Bucket, Key: &key})
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

// probePresent reads what probeCreate has left.
func (s *Store) probePresent(ctx context.Context) error { return s.probePresence(ctx, s.Prefix) }

func (s *Store) probePresence(ctx context.Context, prefix string) error {
	_, err := s.headProbe(ctx, prefix+s.probe)
	if status(err) == http.StatusNotFound {
		return fatal("head %s%s: %w; the store has just taken that object: use a store that shows an object once it is written, such as Amazon S3",
			prefix, s.probe, err)
	}
	return s.explain("head", prefix+s.probe, "s3:GetObject on the prefix", err)
}

// probeList must find the probe by a part of its name, and no more if the listing starts behind it: a search that the
// store answers with other names than were asked for would take an old link for the newest.
func (s *Store) probeList(ctx context.Context) error {
	name, part := s.Prefix+s.probe, s.probe[:len(Probe)/2]
	for after, want := range map[string]bool{"": true, s.Prefix + part: true, name: false} {
		listing, err := s.probeListing(ctx, part, nil, after)
		if err != nil {
			return err
		}
		found := slices.ContainsFunc(listing.Contents, func(o types.Object) bool { return aws.ToString(o.Key) == name })
		switch {
		case want && !found:
			return fatal("the listing of %s does not have the object %s, which is there: the store lists whole folders only, as S3 "+
				"directory buckets do; use a general purpose bucket", s.Prefix+part, name)
		case found && !want:
			return fatal("the listing of %s has the object %s, behind which it was to start: the store ignores StartAfter; use one "+
				"that does not, such as Amazon S3", s.Prefix+part, name)
		}
	}
	return nil
}

// probeErrors writes and reads as dead letters are.
func (s *Store) probeErrors(ctx context.Context) error {
	if err := s.putProbe(ctx, s.ErrorsPrefix, nil); err != nil {
		return err
	}
	return s.probePresence(ctx, s.ErrorsPrefix)
}

// probeListing makes one request for what begins with a part of a name, and comes after a name if there is one.
func (s *Store) probeListing(ctx context.Context, part string, delimiter *string, after string) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	in := &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: aws.String(s.Prefix + part), Delimiter: delimiter, MaxKeys: aws.Int32(10 * foreignLooks)}
	if after != "" {
		in.StartAfter = &after
	}
	listing, err := s.client.ListObjectsV2(ctx, in)
	return listing, s.explain("list", s.Prefix+part, "s3:ListBucket on the bucket", err)
}

// conflicts is how often in a row another instance, starting at the same time, may be in the way.
const conflicts = 10

// putProbe returns an error of status 412 as it is: the caller knows what it means.
func (s *Store) putProbe(ctx context.Context, prefix string, ifNoneMatch *string) error {
	in := &s3.PutObjectInput{Bucket: &s.Bucket, Key: aws.String(prefix + s.probe), IfNoneMatch: ifNoneMatch,
		ContentType: aws.String(NDJSON.contentType()), Metadata: s.longest().metadata()}
	err := s.put(ctx, in, strings.NewReader(""))
	for attempt := 1; attempt <= conflicts && status(err) == http.StatusConflict && wait.For(ctx, backoff.After(attempt)) == nil; attempt++ {
		err = s.put(ctx, in, strings.NewReader(""))
	}
	if status(err) == http.StatusPreconditionFailed {
		return err
	}
	return s.explain("put", prefix+s.probe, "s3:PutObject there", err)
}

// Codes of S3's errors that a person understands only together with what to do.
var (
	tooLong   = []string{"MetadataTooLarge", "KeyTooLongError", "RequestHeaderSectionTooLarge"}
	elsewhere = []string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)

// explain says what to do about an error of a request, and whether it is [ErrFatal]. It returns nil for nil.
func (s *Store) explain(verb, key, permission string, err error) error {
	if err == nil {
		return nil
	}
	advised := startup.Explain(err, permission)
	said := fmt.Errorf("%s %s: %w", verb, key, advised)
	code := errorCode(err)
	switch {
	case startup.Passing(err):
		return said
	case advised != err:
		return fatal("%w", said)
	case slices.Contains(tooLong, code):
		return fatal("%w; shorten --worker-id, --prefix or --errors-prefix", said)
	case slices.Contains(elsewhere, code), status(err) == http.StatusMovedPermanently:
		return fatal("%w; the bucket %s is in another region than the stream: choose another --bucket, or set AWS_REGION", said, s.Bucket)
	}
	switch status(err) {
	case http.StatusForbidden: // the answer to a HEAD has no code
		return fatal("%w; allow %s", said, permission)
	case http.StatusNotFound:
		return fatal("%w; create the bucket %s, or choose another --bucket", said, s.Bucket)
	case http.StatusNotImplemented:
		return fatal("%w; the store has no conditional writes, or no such request at all: use one that has, such as Amazon S3", said)
	case http.StatusBadRequest, http.StatusMethodNotAllowed:
		return fatal("%w; the store does not take this request: use a general purpose bucket of Amazon S3, or a store that does what it does", said)
	}
	return said
}

func errorCode(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}
