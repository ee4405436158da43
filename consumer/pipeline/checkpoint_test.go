package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
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
}
