package warehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"
)

// Client is what the chain needs of S3; *s3.Client has it. A write is durable and visible to all readers when it
// returns. PutObject honours If-None-Match. ListObjectsV2 is strongly consistent, as S3 is since December 2020. Safe for
// concurrent use.
type Client interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Config says whose chains these are and where they lie.
type Config struct {
	Application  string
	Stream       string     // identity of the stream, opaque here: its ARN and creation time
	Writer       string     // this worker
	Location                // of new links
	ErrorsPrefix string     // of the dead letters, in the same bucket; ends with a slash
	Format       Format     // of new links
	Locations    []Location // all that the application has written to, as of its start; the present one may be among them

	// Remembered reads the locations that are not forgotten. It is called when a shard is opened, if Locations has a
	// former one. Nil: Locations are all.
	Remembered func(context.Context) ([]Location, error)

	// Timeout of a request without a body; zero: 15 s. Only tests set it.
	Timeout time.Duration
	// Retention of the stream. The search for the tip of a chain goes this far back.
	Retention time.Duration
}

// Store keeps the chains of all shards of one application. It has no state but its configuration and is safe for
// concurrent use.
type Store struct {
	Config
	client  Client
	probe   string // name of the object that the preflight leaves
	metrics *Metrics
	log     *logrus.Entry
}

// NewStore returns a store. Nothing is called before [Store.Preflight].
func NewStore(cfg Config, client Client, metrics *Metrics, log *logrus.Entry) *Store {
	cfg.Timeout = cmp.Or(cfg.Timeout, requestTimeout)
	return &Store{Config: cfg, client: client, probe: Probe, metrics: metrics, log: log}
}

// NewBatch returns an empty batch of the store's format.
func (s *Store) NewBatch() *Batch { return newBatch(s.Format) }

// ErrFatal means that going on could break a chain, or can never succeed: a person has to act. The message says how. It
// is wrapped by errors that say what kind it is, where there is one.
var (
	ErrFatal = errors.New("the warehouse cannot be used")
	// ErrForeign: an object of another application or stream is where a link belongs.
	ErrForeign = fmt.Errorf("%w: foreign object", ErrFatal)
	// ErrNoLink: an object that is no link is where one belongs.
	ErrNoLink = fmt.Errorf("%w: object that is no link", ErrFatal)
	// ErrLocation: a location of former links cannot be read.
	ErrLocation = errors.New("location cannot be read")
	// ErrSlow: an object was not sent before its deadline.
	ErrSlow = errors.New("the object is sent too slowly")
)

func fatal(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrFatal, fmt.Errorf(format, args...))
}

// forbidden is not absent: without s3:ListBucket, S3 answers 403 for both.
func (s *Store) forbidden(bucket, key string, err error) error {
	return fatal("head s3://%s/%s: %w; whether it exists must be known: allow s3:GetObject on the prefix and "+
		"s3:ListBucket on the bucket", bucket, key, err)
}

// status returns the HTTP status of a request's error, 0 if there was no answer.
func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// Head reads the link at place, where this store writes; ok is false if nothing is there. It returns [ErrFatal] if
// somebody else's object is there, or if the store does not tell absent objects from forbidden ones.
func (s *Store) Head(ctx context.Context, place Place) (link Link, ok bool, err error) {
	return s.head(ctx, s.Location, place, s.Format)
}

// Named reads the link with a name, which may be at a former location.
func (s *Store) Named(ctx context.Context, name Name) (link Link, ok bool, err error) {
	return s.head(ctx, name.Location, name.Place, name.Format)
}

func (s *Store) head(ctx context.Context, at Location, place Place, f Format) (link Link, ok bool, err error) {
	key := place.Key(at.Prefix, f)
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &at.Bucket, Key: &key})
	switch status(err) {
	case http.StatusNotFound:
		return Link{}, false, nil
	case http.StatusForbidden:
		return Link{}, false, s.forbidden(at.Bucket, key, err)
	}
	if err != nil {
		return Link{}, false, fmt.Errorf("head %s: %w", key, err)
	}
	link, err = parseLink(at, place, f, out.Metadata)
	if err != nil {
		return Link{}, false, fmt.Errorf("%w: s3://%s/%s is no link of a chain: %w; move it away, or choose another --prefix",
			ErrNoLink, at.Bucket, key, err)
	}
	if link.Application != s.Application || link.Stream != s.Stream {
		return Link{}, false, fmt.Errorf("%w: s3://%s/%s belongs to application %q on stream %q, this is %q on %q: "+
			"two applications cannot share a prefix, choose another --prefix",
			ErrForeign, at.Bucket, key, link.Application, link.Stream, s.Application, s.Stream)
	}
	return link, true, nil
}
