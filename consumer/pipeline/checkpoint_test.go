package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// TestFailureMatrixOfTheCheckpoint is the last column of the failure matrix: the one request of the commit path that
// goes to DynamoDB. A worker with a real lease meets the fault at its checkpoints, goes on or gives up, and dies; the
// next one takes the lease from the table, and every record is there once.
func TestFailureMatrixOfTheCheckpoint(t *testing.T) {
	for name, fault := range map[string]faults.Fault{
		"refused":         faults.Drop(),
		"time-out before": faults.Hang(),
		"time-out after":  faults.Lose(faults.Hang()),
		"412":             faults.JSONError(http.StatusBadRequest, "ConditionalCheckFailedException"),
		"409":             faults.JSONError(http.StatusBadRequest, "TransactionConflictException"),
		"503":             faults.JSONError(http.StatusServiceUnavailable, "ServiceUnavailable"),
		"503 after":       faults.Lose(faults.JSONError(http.StatusServiceUnavailable, "ServiceUnavailable")),
		"403":             faults.JSONError(http.StatusBadRequest, "AccessDeniedException"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playCheckpointFault(t, fault)
		})
	}
}

func playCheckpointFault(t *testing.T, fault faults.Fault) {
	proxy, err := faults.Listen(testenv.DynamoDB(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	b := newBench(t)
	for i := range 12 {
		b.stream.put(byte(i))
	}
	table := testenv.Name(t, "table")
	checkpoints := &onCheckpoints{fault: fault}
	proxy.Add(faults.Rule{Operation: "UpdateItem", Fault: checkpoints.handle})
	for n := 0; checkpoints.hits.Load() == 0; n++ { // on a busy machine a lease may be lost before
		err := b.work(t, proxy.URL(), table, fmt.Sprint("a", n), false)
		t.Logf("%d hits; the worker ended with: %v", checkpoints.hits.Load(), err)
	}
	proxy.Close() // it cannot renew any more, which is as good as dead
	testenv.Eventually(t, "the shard is not finished", func() bool {
		return b.work(t, testenv.DynamoDB(t), table, testenv.Name(t, "b"), true) == nil
	})
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

// work is one worker, which acquires the lease and reads everything there is. Unless it gets that far and finish is not
// set, it releases the lease.
func (b *bench) work(t *testing.T, url, table, worker string, finish bool) (err error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := acquire(ctx, t, url, table, worker)
	defer func() {
		if finish || err != nil {
			_ = l.Release(context.WithoutCancel(ctx))
		}
	}()
	at, day, err := l.Position()
	if err != nil {
		return err
	}
	working := whileHeld(ctx, l)
	shard := newShard(testenv.NewS3Client(b.url), b.bucketName, worker, l)
	if err := shard.Open(working, at, day); err != nil {
		return err
	}
	if err := readOn(working, b.world, shard, finish); err != nil || !finish {
		return err
	}
	if row := l.Row(); row.Checkpoint != "SHARD_END" {
		t.Errorf("the checkpoint is %s", row.Checkpoint)
	}
	return nil
}

// whileHeld returns a context that ends with the lease, as consumer/kcl has it.
func whileHeld(ctx context.Context, l *lease.Lease) context.Context {
	working, end := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.Done():
			end(lease.ErrLost)
		case <-ctx.Done():
		}
	}()
	return working
}

// onCheckpoints strikes the first four checkpoints; renewals pass.
type onCheckpoints struct {
	fault faults.Fault
	hits  atomic.Int32
}

func (c *onCheckpoints) handle(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || !bytes.Contains(body, []byte("Checkpoint")) || c.hits.Add(1) > 4 {
		pass.ServeHTTP(w, r)
		return
	}
	c.fault(w, r, pass)
}

// oneShard is a listing.
type oneShard struct{}

func (oneShard) List() ([]lease.Shard, time.Time) { return []lease.Shard{{ID: shardID}}, time.Now() }
func (oneShard) Refresh()                         {}

// acquire waits until the worker has the lease of the shard. Its leases ends with ctx.
func acquire(ctx context.Context, t *testing.T, url, table, worker string) (held *lease.Lease) {
	t.Helper()
	rows := lease.NewDynamoDB(dynamodb.NewFromConfig(testenv.Config(url)), table,
		lease.Application{InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{"s3://b/r/"}})
	testenv.Eventually(t, "no table", func() bool { return rows.Create(ctx) == nil })
	cfg := lease.Config{WorkerID: worker, Duration: 2 * time.Second, SyncInterval: 100 * time.Millisecond}
	leases := lease.New(cfg, rows, oneShard{}, lease.NewMetrics(prometheus.NewRegistry()), quietLog)
	go func() { _ = leases.Run(ctx) }()
	testenv.Eventually(t, "no lease", func() (ok bool) {
		l, err := leases.Acquire(ctx, shardID)
		held = l
		return err == nil
	})
	return held
}

// Every link was a checkpoint. Seen to fail so, and when a drain of an empty batch stores none: that is what a handover mostly is.
func TestCheckpointsAreStoredSeldomAndAtTheEnd(t *testing.T) {
	b := newBench(t)
	for range 503 {
		b.stream.put(0)
	}
	shard := b.open(t, func(c *pipeline.Config, _ *warehouse.Config) { c.FlushRecords = 1 })
	b.process(t, shard, 501)
	ends := b.ends(t)
	if want := []string{ends[0], ends[500]}; !slices.Equal(b.lease.positions(), want) {
		t.Errorf("after 501 links, checkpoints %v; want %v", b.lease.positions(), want)
	}
	b.process(t, shard, 2)
	for range 2 {
		if err := shard.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ends = b.ends(t)
	if want := []string{ends[0], ends[500], ends[502]}; !slices.Equal(b.lease.positions(), want) {
		t.Errorf("after a drain, checkpoints %v; want %v", b.lease.positions(), want)
	}
	// The worst place from which the next owner goes on: 499 links behind, which is the most without a checkpoint.
	requests := &requestCounter{Client: testenv.NewS3Client(b.url)}
	next := newShard(requests, b.bucketName, "next", b.lease)
	if err := next.Open(t.Context(), sequence.Number(ends[2]), strings.Fields(b.lease.checkpoints[1])[1]); err != nil || next.Position().String() != ends[502] {
		t.Fatalf("opened at %s: %v", next.Position(), err)
	}
	if n := requests.made.Load(); n > 4 {
		t.Errorf("%d requests to open the shard", n)
	}
}

// requestCounter is S3 that counts the requests.
type requestCounter struct {
	warehouse.Client
	made atomic.Int32
}

func (c *requestCounter) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	c.made.Add(1)
	return c.Client.ListObjectsV2(ctx, in, o...)
}

func (c *requestCounter) HeadObject(ctx context.Context, in *s3.HeadObjectInput, o ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	c.made.Add(1)
	return c.Client.HeadObject(ctx, in, o...)
}

// A link each 10 s for ten minutes. Seen to fail with a checkpoint for each link, and with one each two minutes.
func TestAMinuteIsBetweenCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, leases := &counter{}, &timed{}
		store := warehouse.NewStore(warehouse.Config{Location: warehouse.Location{Bucket: "b", Prefix: "r/"}, Format: warehouse.NDJSON,
			Timeout: time.Minute}, client, warehouseMetrics, quietLog)
		shard := pipeline.New(pipeline.Config{FlushInterval: time.Nanosecond, Store: store, Metrics: pipelineMetrics, Log: quietLog},
			pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber, HashKeys: ownKeys}, leases, stall.NewTracker(stall.After))
		if err := shard.Open(t.Context(), "100", warehouse.Day(kinesisTime())); err != nil {
			t.Fatal(err)
		}
		for n := range 120 {
			time.Sleep(5 * time.Second)
			record := types.Record{SequenceNumber: aws.String(strconv.Itoa(101 + n)), Data: []byte(`{"user":{"user_id":"1"}}`),
				PartitionKey: aws.String("p"), ApproximateArrivalTimestamp: aws.Time(kinesisTime())}
			if err := shard.Process(t.Context(), []types.Record{record}, kinesisTime()); err != nil {
				t.Fatal(err)
			}
		}
		for i, at := range leases.at[1:] {
			if pause := at.Sub(leases.at[i]); pause != time.Minute {
				t.Errorf("%s between two checkpoints", pause)
			}
		}
		if len(leases.at) != 10 || client.objects.Load() < 60 {
			t.Errorf("%d checkpoints in ten minutes, %d objects", len(leases.at), client.objects.Load())
		}
	})
}

// timed is a lease that notes when checkpoints are stored.
type timed struct {
	forgetful
	at []time.Time
}

func (l *timed) Checkpoint(context.Context, sequence.Number, string) error {
	l.at = append(l.at, time.Now())
	return nil
}
