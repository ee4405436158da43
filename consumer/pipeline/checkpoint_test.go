package pipeline_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/lease"
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
	shard := newShard(testenv.NewS3Client(b.url), b.bucketName, "a", acquire(t, proxy.URL(), table, "a"))
	if err := shard.Open(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	struck := proxy.Add(faults.Rule{Operation: "UpdateItem", Times: 4, Fault: onCheckpoints(fault)})
	for range 3 {
		if err = shard.Process(t.Context(), b.stream.read(shard.Position(), 3, 1)); err != nil {
			break
		}
	}
	if struck.Hits() == 0 {
		t.Fatal("the fault has struck nothing")
	}
	t.Logf("%d hits; the worker ended with: %v", struck.Hits(), err)

	proxy.Close() // it cannot renew any more, which is as good as dead
	next := acquire(t, testenv.DynamoDB(t), table, "b")
	at, day, err := next.Position()
	if err != nil {
		t.Fatal(err)
	}
	shard = newShard(testenv.NewS3Client(b.url), b.bucketName, "b", next)
	if err := shard.Open(t.Context(), at, day); err != nil {
		t.Fatal(err)
	}
	if err := readOn(t.Context(), b.world, shard, true); err != nil {
		t.Fatal(err)
	}
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
	if row := next.Row(); row.Checkpoint != "SHARD_END" {
		t.Errorf("the checkpoint is %s", row.Checkpoint)
	}
}

// onCheckpoints lets renewals pass.
func onCheckpoints(fault faults.Fault) faults.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if err != nil || !strings.Contains(string(body), "Checkpoint") {
			pass.ServeHTTP(w, r)
			return
		}
		fault(w, r, pass)
	}
}

// oneShard is a listing.
type oneShard struct{}

func (oneShard) List() ([]lease.Shard, time.Time) { return []lease.Shard{{ID: shardID}}, time.Now() }
func (oneShard) Refresh()                         {}

// acquire waits until the worker has the lease of the shard.
func acquire(t *testing.T, url, table, worker string) *lease.Lease {
	t.Helper()
	rows := lease.NewDynamoDB(dynamodb.NewFromConfig(testenv.Config(url)), table, lease.Application{InitialPosition: lease.TrimHorizon, Stream: "stream", Layouts: []string{"s3://b/r/"}})
	if err := rows.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := lease.Config{WorkerID: worker, Duration: 2 * time.Second, SyncInterval: 100 * time.Millisecond}
	manager := lease.NewManager(cfg, rows, oneShard{}, lease.NewMetrics(prometheus.NewRegistry()), quietLog)
	go func() { _ = manager.Run(t.Context()) }()
	var held *lease.Lease
	testenv.Eventually(t, "no lease", func() (ok bool) {
		l, err := manager.Acquire(t.Context(), shardID)
		held = l
		return err == nil
	})
	t.Cleanup(func() { _ = held.Release(context.Background()) })
	return held
}
