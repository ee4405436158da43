package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// requestTimeout is that of one request; a fault that hangs costs as much.
const requestTimeout = 300 * time.Millisecond

// matrix is every request that the commit path makes to S3, and what can happen to it; TestFailureMatrixOfTheCheckpoint
// has the one to DynamoDB.
var (
	matrixRequests = []struct {
		name  string
		match faults.Rule
	}{
		{"list days", faults.Rule{Operation: "LIST"}},
		{"list links", faults.Rule{Operation: "LIST", Skip: 1}},
		{"head tip", faults.Rule{Operation: "HEAD", Path: "/r/"}},
		{"head dead letters", faults.Rule{Operation: "HEAD", Path: "/e/"}},
		{"put dead letters", faults.Rule{Operation: "PUT", Path: "/e/"}},
		{"put refused link", faults.Rule{Operation: "PUT", Path: "/r/", Skip: 1}},
		{"head refused link", faults.Rule{Operation: "HEAD", Path: "/r/", Skip: 1}},
		{"put next link", faults.Rule{Operation: "PUT", Path: "/r/", Skip: 2}},
	}
	matrixFaults = []struct {
		name  string
		fault faults.Fault
	}{
		{"refused", faults.Drop()},
		{"time-out before", faults.Hang()},
		{"time-out after", faults.Lose(faults.Hang())},
		{"412", faults.XMLError(http.StatusPreconditionFailed, "PreconditionFailed")},
		{"409", faults.XMLError(http.StatusConflict, "ConditionalRequestConflict")},
		{"503", faults.XMLError(http.StatusServiceUnavailable, "SlowDown")},
		{"503 after", faults.Lose(faults.XMLError(http.StatusServiceUnavailable, "SlowDown"))},
		{"403", faults.XMLError(http.StatusForbidden, "AccessDenied")},
	}
)

// TestFailureMatrix lets a writer die behind its tip and without that tip's dead letters, and its successor meet one
// fault, twice in a row, at one kind of request. Whatever the successor makes of it, a third one without faults
// finishes, and every record is there once.
func TestFailureMatrix(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (string, string){
		"versitygw": func(t *testing.T) (string, string) { return testenv.S3(t), testenv.Bucket(t) },
		"gofakes3":  startFakeS3,
	} {
		for _, request := range matrixRequests {
			for _, f := range matrixFaults {
				t.Run(name+"/"+request.name+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					rule := request.match
					rule.Fault, rule.Times = f.fault, 2
					url, bucket := start(t)
					playFault(t, url, bucket, rule)
				})
			}
		}
	}
}

func startFakeS3(t *testing.T) (url, bucket string) {
	// S3 takes 2 KiB of metadata. This server counts all headers as such.
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithMetadataSizeLimit(4<<10)).Server())
	t.Cleanup(server.Close)
	bucket = testenv.Name(t, "bucket")
	if _, err := testenv.NewS3Client(server.URL).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return server.URL, bucket
}

func playFault(t *testing.T, url, bucketName string, rule faults.Rule) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	proxy, err := faults.Listen(url)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	client := testenv.NewS3Client(url)
	w := tipWithoutDeadLetters(ctx, t, client, bucketName)
	struck := proxy.Add(rule)
	// The first link's answer is always lost, so that its place is refused and its metadata read.
	proxy.Add(faults.Rule{Operation: "PUT", Path: "/r/", Times: 1, Fault: faults.Lose(faults.Drop())})
	err = readToEnd(ctx, w, newShard(testenv.NewS3Client(proxy.URL()), bucketName, "B", forgetful{}), true)
	if struck.Hits() == 0 {
		t.Fatal("the fault has struck nothing")
	}
	t.Logf("%d hits; the successor ended with: %v", struck.Hits(), err)
	forbidden := rule.Operation == "HEAD" && strings.Contains(fmt.Sprint(err), "403")
	if forbidden != errors.Is(err, warehouse.ErrFatal) || err != nil && !forbidden {
		t.Errorf("only a forbidden HEAD is fatal, everything else passes: %v", err)
	}
	if err := readToEnd(ctx, w, newShard(client, bucketName, "C", forgetful{}), true); err != nil {
		t.Fatal(err)
	}
	w.fetch(t, client, bucketName)
	if err := w.check(); err != nil {
		t.Error(err)
	}
	report, err := audit.Run(ctx, client, audit.Config{
		Links:       []warehouse.Location{{Bucket: bucketName, Prefix: "r/"}},
		DeadLetters: []warehouse.Location{{Bucket: bucketName, Prefix: "e/"}},
	})
	if err != nil || !report.OK() {
		t.Errorf("%v\n%s", err, strings.Join(report.Lines(), "\n"))
	}
}

// tipWithoutDeadLetters makes the first half of a chain, whose writer died before it stored the dead letters of the last
// link. The other half of the records is still to be read.
func tipWithoutDeadLetters(ctx context.Context, t *testing.T, client *s3.Client, bucketName string) *world {
	t.Helper()
	w := &world{log: t.Logf}
	for i := range 24 {
		w.stream.put(byte(i))
		if i%8 == 5 {
			w.stream.nextDay(1)
		}
	}
	w.stream.trimmed = 0
	all := w.stream.records
	w.stream.records = all[:13] // the last one is rejected
	if err := readToEnd(ctx, w, newShard(client, bucketName, "A", forgetful{}), false); err != nil {
		t.Fatal(err)
	}
	w.fetch(t, client, bucketName)
	links, err := w.links()
	if err != nil {
		t.Fatal(err)
	}
	tip := links[len(links)-1]
	if tip.Rejected == 0 {
		t.Fatal("the scenario needs dead letters at the tip")
	}
	if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucketName, Key: &tip.DeadLetters}); err != nil {
		t.Fatal(err)
	}

	w.stream.records = all
	return w
}

// forgetful is a lease that is never lost, and whose row stores nothing.
type forgetful struct{}

func (forgetful) Deadline() time.Time                                       { return time.Now().Add(time.Hour) }
func (forgetful) Checkpoint(context.Context, sequence.Number, string) error { return nil }
func (forgetful) Finish(context.Context, string) error                      { return nil }

func newShard(client warehouse.Client, bucketName, writer string, l pipeline.Lease) *pipeline.Pipeline {
	store := warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "stream", Writer: writer,
		Location:     warehouse.Location{Bucket: bucketName, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSON,
		Timeout: requestTimeout, Retention: 24 * time.Hour,
	}, client, warehouseMetrics, quietLog)
	return pipeline.New(pipeline.Config{
		Stream: "stream", FlushInterval: time.Hour, FlushRecords: 4, Store: store, Metrics: pipelineMetrics, Log: quietLog,
	}, pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber, HashKeys: ownKeys}, l, stall.NewTracker(stall.After))
}

// readToEnd opens the shard, as often as it needs, and reads everything there is.
func readToEnd(ctx context.Context, w *world, shard *pipeline.Pipeline, finish bool) error {
	for {
		err := shard.Open(ctx, "", "")
		if errors.Is(err, warehouse.ErrFatal) || ctx.Err() != nil {
			return err
		}
		if err == nil {
			return readOn(ctx, w, shard, finish)
		}
	}
}

// readOn reads everything there is, and finishes the shard or drains it.
func readOn(ctx context.Context, w *world, shard *pipeline.Pipeline, finish bool) error {
	for {
		page := w.stream.read(shard.Position(), 5, 1)
		if n := len(page); n > 0 && sequence.Number(*page[n-1].SequenceNumber).After(shard.Position()) {
			if err := shard.Process(ctx, page, time.Time{}); err != nil {
				return err
			}
			continue
		}
		if !finish {
			return shard.Drain(ctx)
		}
		if finished, err := shard.Finish(ctx, shard.Position()); finished || err != nil {
			return err
		}
	}
}

// fetch copies a real bucket into the world's, to be checked there.
func (w *world) fetch(t *testing.T, client *s3.Client, name string) {
	t.Helper()
	w.bucket.objects = map[string]object{}
	for pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &name}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &name, Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			w.bucket.objects[*o.Key] = object{body, out.Metadata}
		}
	}
}
