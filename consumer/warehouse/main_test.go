package warehouse_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// server is a real S3 server with a bucket for one test.
type server struct {
	client *s3.Client
	url    string
	bucket string
}

// eachServer runs a test against both S3 servers that have conditional writes.
func eachServer(t *testing.T, test func(t *testing.T, s server)) {
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		test(t, server{testenv.S3Client(t), testenv.S3(t), testenv.Bucket(t)})
	})
	t.Run("gofakes3", func(t *testing.T) {
		t.Parallel()
		test(t, fakeS3(t))
	})
}

func fakeS3(t *testing.T) server {
	// S3 takes 2 KiB of metadata. This server counts all headers as such.
	http := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithMetadataSizeLimit(4<<10)).Server())
	t.Cleanup(http.Close)
	s := server{testenv.NewS3Client(http.URL), http.URL, testenv.Name(t, "bucket")}
	if _, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &s.bucket}); err != nil {
		t.Fatal(err)
	}
	return s
}

// config is that of a writer called w1.
func (s server) config() warehouse.Config {
	return warehouse.Config{
		Application: "app", Stream: "arn:stream@1", Writer: "w1",
		Location:     warehouse.Location{Bucket: s.bucket, Prefix: "records/"},
		ErrorsPrefix: "errors/",
		Format:       warehouse.NDJSON,
		Timeout:      5 * time.Second,
		Retention:    24 * time.Hour,
	}
}

// store returns a store with a changed configuration, and what it logs.
func (s server) store(client warehouse.Client, change func(*warehouse.Config)) (*warehouse.Store, *logrustest.Hook) {
	cfg := s.config()
	if change != nil {
		change(&cfg)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	hook := logrustest.NewLocal(log)
	return warehouse.NewStore(cfg, client, warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log)), hook
}

// read returns the body of an object.
func (s server) read(t *testing.T, key string) string {
	t.Helper()
	out, err := s.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// commit makes a batch a link, or returns the link that is there. It is the loop of pipeline's commit, without a lease.
func commit(ctx context.Context, s *warehouse.Store, b *warehouse.Batch) (warehouse.Link, error) {
	for attempt := 1; ; attempt++ {
		outcome, err := s.Create(ctx, time.Now().Add(time.Hour), b)
		switch outcome {
		case warehouse.Done:
			return s.Link(b), nil
		case warehouse.Refused:
			link, ok, err := s.Head(ctx, b.Place())
			if ok || errors.Is(err, warehouse.ErrFatal) {
				return link, err
			}
		}
		if err := s.Again(ctx, s.Link(b).Key(), attempt, err); err != nil {
			return warehouse.Link{}, err
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
