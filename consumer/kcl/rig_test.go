package kcl_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "24") // they mostly wait
	testenv.Main(m)
}

// rig is a stream, a lease table and a warehouse on the real local servers, each behind a fault proxy, and a ledger
// of what was put. Every test ends with the verification that users have.
type rig struct {
	t      testing.TB
	stream string
	app    string
	bucket string
	start  time.Time     // initial position
	lease  time.Duration // so long that no lease is lost on a busy machine; tests of expiry set it shorter
	flush  time.Duration

	consumer *kcl.Registration // nil: the rig's workers poll
	stall    time.Duration     // 0: half a minute
	onCommit func(records int) // called for every link, if set

	kinesis, dynamodb, s3 *faults.Proxy
	client                *kinesis.Client // past the proxy, as are the next two
	objects               *s3.Client
	rows                  *lease.DynamoDB

	mu     sync.Mutex
	ledger bytes.Buffer
	puts   int
}

func newRig(t testing.TB, shards int) *rig {
	r := &rig{
		t: t, stream: testenv.Stream(t, shards), app: testenv.Name(t, "app"), bucket: testenv.Bucket(t),
		lease: 10 * time.Second, flush: 300 * time.Millisecond, client: testenv.KinesisClient(t),
		objects: testenv.S3Client(t),
	}
	r.rows = lease.NewDynamoDB(testenv.DynamoDBClient(t), r.app, lease.Application{})
	r.kinesis, r.dynamodb, r.s3 = r.proxy(testenv.Kinesis(t)), r.proxy(testenv.DynamoDB(t)), r.proxy(testenv.S3(t))
	return r
}

func (r *rig) proxy(url string) *faults.Proxy {
	p, err := faults.Listen(url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.Close)
	return p
}

// run starts a worker.
func (r *rig) run(id string) *node {
	r.t.Helper()
	logger := logrus.New()
	n := &node{rig: r, id: id, done: make(chan struct{}), registry: prometheus.NewRegistry(), log: &logBuffer{}}
	logger.SetOutput(io.MultiWriter(n.log))
	logger.SetLevel(logrus.DebugLevel)
	log := logger.WithField("worker_id", id)

	location := warehouse.Location{Bucket: r.bucket, Prefix: "records/"}
	store := warehouse.NewStore(warehouse.Config{
		Application: r.app, Stream: r.stream, Writer: id, Location: location, ErrorsPrefix: "errors/",
		Format: warehouse.NDJSONGzip, Timeout: r.lease / 2, Retention: 24 * time.Hour,
	}, testenv.NewS3Client(r.s3.URL()), warehouse.NewMetrics(n.registry), log)
	position := lease.TrimHorizon
	if !r.start.IsZero() {
		position = r.start.Format(time.RFC3339Nano)
	}
	table := lease.NewDynamoDB(dynamodb.NewFromConfig(testenv.Config(r.dynamodb.URL())), r.app,
		lease.Application{InitialPosition: position, Stream: r.stream, Locations: []string{location.String()}})
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	if err := table.Create(ctx); err != nil {
		r.t.Fatal(err)
	}
	shards := pipeline.Config{Stream: r.stream, FlushInterval: r.flush, FlushBytes: 1 << 20, Store: store,
		Metrics: pipeline.NewMetrics(n.registry), Log: log}
	if r.onCommit != nil {
		shards.OnCommit = func(l warehouse.Link, _ int) { r.onCommit(l.Records) }
	}
	n.worker = kcl.NewWorker(kcl.Config{
		Stream: r.stream, Application: r.app, WorkerID: id, Start: table.Application().Start(),
		Consumer: r.consumer, Retention: 24 * time.Hour, StallAfter: r.stall, Grace: r.lease,
		Lease: lease.Config{WorkerID: id, Duration: r.lease, SyncInterval: 200 * time.Millisecond},
	}, testenv.Config(r.kinesis.URL()), table, r.pipelines(shards), lease.NewMetrics(n.registry), kcl.NewMetrics(n.registry), log)
	n.registry.MustRegister(n.worker)
	go func() {
		defer close(n.done)
		n.err = n.worker.Run(ctx)
	}()
	r.t.Cleanup(func() {
		n.stop()
		if r.t.Failed() {
			r.t.Logf("log of %s:\n%s", id, n.log)
		}
	})
	return n
}

func (r *rig) pipelines(cfg pipeline.Config) kcl.NewPipeline {
	return func(s types.Shard, l *lease.Lease, tracker *stall.Tracker) (*pipeline.Pipeline, error) {
		start, err := sequence.Parse(*s.SequenceNumberRange.StartingSequenceNumber)
		if err != nil {
			return nil, err
		}
		keys, err := hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey)
		return pipeline.New(cfg, pipeline.Shard{ID: *s.ShardId, StartingSequenceNumber: start, HashKeys: keys}, l, tracker), err
	}
}

// put adds n records and notes them in the ledger.
func (r *rig) put(n int) {
	r.t.Helper()
	for n > 0 {
		k := min(n, 100)
		r.putBatch(k)
		n -= k
	}
}

func (r *rig) putBatch(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := &kinesis.PutRecordsInput{StreamName: &r.stream}
	for range n {
		r.puts++
		id := fmt.Sprintf("call-%06d", r.puts)
		data := fmt.Sprintf(`{"event":{"property":{"call_id":"%s"}},"user":{"user_id":"%d"}}`, id, 100+r.puts%900)
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte(data), PartitionKey: aws.String(id)})
	}
	out, err := r.client.PutRecords(context.Background(), in)
	if err != nil || aws.ToInt32(out.FailedRecordCount) > 0 {
		r.t.Errorf("put records: %v", err)
		return
	}
	for i, e := range out.Records {
		fmt.Fprintf(&r.ledger, "%s,%s,%s\n", *in.Records[i].PartitionKey, *e.ShardId, *e.SequenceNumber)
	}
}

// putRaw adds one record as it is.
func (r *rig) putRaw(data []byte) {
	r.t.Helper()
	_, err := r.client.PutRecord(r.t.Context(), &kinesis.PutRecordInput{StreamName: &r.stream, Data: data, PartitionKey: aws.String("raw")})
	if err != nil {
		r.t.Fatal(err)
	}
}

// report audits the warehouse as it is now.
func (r *rig) report() audit.Report {
	r.t.Helper()
	r.mu.Lock()
	ledger := r.ledger.String()
	r.mu.Unlock()
	report, err := audit.Run(context.Background(), r.objects, audit.Config{
		Links:       []warehouse.Location{{Bucket: r.bucket, Prefix: "records/"}},
		DeadLetters: []warehouse.Location{{Bucket: r.bucket, Prefix: "errors/"}},
		Ledger:      strings.NewReader(ledger),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

// letters returns all dead letters.
func (r *rig) letters() (text string) {
	r.t.Helper()
	list, err := r.objects.ListObjectsV2(r.t.Context(), &s3.ListObjectsV2Input{Bucket: &r.bucket, Prefix: aws.String("errors/")})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, object := range list.Contents {
		got, err := r.objects.GetObject(r.t.Context(), &s3.GetObjectInput{Bucket: &r.bucket, Key: object.Key})
		if err != nil {
			r.t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		text += string(body)
	}
	return text
}

// verify waits until everything that was put is warehoused, and checks that nothing else is.
func (r *rig) verify() {
	r.t.Helper()
	testenv.Eventually(r.t, "not everything is warehoused", func() bool { return r.report().Records >= r.puts })
	if report := r.report(); !report.OK() || report.Records != r.puts {
		r.t.Errorf("%d put:\n%s", r.puts, strings.Join(report.Lines(), "\n"))
	}
}

// row reads a shard's lease.
func (r *rig) row(shardID string) lease.Row {
	r.t.Helper()
	row, err := r.rows.Row(context.Background(), shardID)
	if err != nil {
		r.t.Fatal(err)
	}
	return row
}

// heartbeats returns those of all workers.
func (r *rig) heartbeats() (sum uint64) {
	r.t.Helper()
	fleet, err := r.rows.Fleet(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range fleet.Workers {
		sum += w.Heartbeat
	}
	return sum
}

// read waits until the workers together have read n records.
func (r *rig) read(n int, workers ...*node) {
	r.t.Helper()
	testenv.Eventually(r.t, fmt.Sprintf("%d records are not read", n), func() bool {
		sum := 0.0
		for _, w := range workers {
			sum += w.metric("callevents_kinesis_records_read_total")
		}
		return sum >= float64(n)
	})
}
