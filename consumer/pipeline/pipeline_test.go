package pipeline_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

// recorder is a lease that keeps its checkpoints.
type recorder struct {
	mu          sync.Mutex
	checkpoints []string
}

func (r *recorder) Deadline() time.Time { return time.Now().Add(time.Hour) }

func (r *recorder) Checkpoint(_ context.Context, at sequence.Number, day string) error {
	return r.note(at.String(), day)
}

func (r *recorder) Finish(_ context.Context, day string) error { return r.note("SHARD_END", day) }

func (r *recorder) note(checkpoint, day string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkpoints = append(r.checkpoints, checkpoint+" "+day)
	return nil
}

// bench is one shard over a real S3 server.
type bench struct {
	*world
	url, bucketName string
	lease           *recorder
	metrics         *prometheus.Registry
}

func newBench(t *testing.T) *bench {
	b := &bench{world: &world{log: t.Logf}, lease: &recorder{}, metrics: prometheus.NewRegistry()}
	b.url, b.bucketName = startFakeS3(t)
	return b
}

// open returns an open shard with changed limits.
func (b *bench) open(t *testing.T, change func(*pipeline.Config, *warehouse.Config)) *pipeline.Pipeline {
	t.Helper()
	chain := warehouse.Config{
		Application: "app", Stream: "stream", Writer: "w", Location: warehouse.Location{Bucket: b.bucketName, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSON, Timeout: 5 * time.Second, Retention: 24 * time.Hour,
	}
	cfg := pipeline.Config{Stream: "stream", FlushInterval: time.Hour, Log: quietLog}
	change(&cfg, &chain)
	cfg.Store = warehouse.NewStore(chain, testenv.NewS3Client(b.url), warehouseMetrics, quietLog)
	if cfg.Metrics == nil {
		cfg.Metrics = pipelineMetrics
	}
	shard := pipeline.New(cfg, pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber, HashKeys: ownKeys}, b.lease, stall.NewTracker(stall.After))
	if err := shard.Open(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	return shard
}

// ends returns the last sequence numbers of the chain's links that have records.
func (b *bench) ends(t *testing.T) (ends []string) {
	t.Helper()
	b.fetch(t, testenv.NewS3Client(b.url), b.bucketName)
	links, err := b.links()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if !l.First.IsZero() {
			ends = append(ends, l.Last.String())
		}
	}
	return ends
}

func (b *bench) process(t *testing.T, shard *pipeline.Pipeline, n int) {
	t.Helper()
	if err := shard.Process(t.Context(), b.stream.read(shard.Position(), n, 0), time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestBatchesEndAtTheirLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limit func(*pipeline.Config, *warehouse.Config)
		puts  string // kinds of records, a digit each; "d" for the next day
		want  []string
	}{
		"records":                {func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 2 }, "00000", []string{"120", "140"}},
		"rejected records count": {func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 2 }, "0222", []string{"120", "140"}},
		"containers are not cut": {func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 1 }, "303", []string{"110", "120", "130"}},
		"bytes":                  {func(p *pipeline.Config, _ *warehouse.Config) { p.FlushBytes = 45 }, "00000", []string{"120", "140"}},
		"age":                    {func(p *pipeline.Config, _ *warehouse.Config) { p.FlushInterval = time.Nanosecond }, "00", []string{"110", "120"}},
		"day":                    {func(*pipeline.Config, *warehouse.Config) {}, "00d000d", []string{"120"}},
		"none":                   {func(*pipeline.Config, *warehouse.Config) {}, "00000", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, kind := range []byte(c.puts) {
				if kind == 'd' {
					b.stream.nextDay(1)
					b.stream.trimmed = 0
				} else {
					b.stream.put(kind - '0')
				}
			}
			shard := b.open(t, c.limit)
			b.process(t, shard, 100)
			if got := b.ends(t); !slices.Equal(got, c.want) {
				t.Errorf("links end at %v, want %v", got, c.want)
			}
			if err := shard.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			ends, stored := b.ends(t), b.lease.positions()
			if len(c.want) > 0 && stored[0] != c.want[0] || stored[len(stored)-1] != ends[len(ends)-1] {
				t.Errorf("checkpoints %v of links that end at %v: want the first one and the last", stored, ends)
			}
		})
	}
}

// positions are the sequence numbers of the checkpoints.
func (r *recorder) positions() (at []string) {
	for _, c := range r.checkpoints {
		at = append(at, strings.Fields(c)[0])
	}
	return at
}

// A shard's starting sequence number is one that a record may have: the first, if it is put in the moment in which the
// shard is made. Found by chaos, seed 102; seen to fail when the chain begins after that number.
func TestTheStartingSequenceNumberMayBeARecords(t *testing.T) {
	b := newBench(t)
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 1 })
	first := types.Record{SequenceNumber: aws.String(startNumber.String()), Data: []byte(`{"user":{"user_id":"1"}}`),
		ApproximateArrivalTimestamp: aws.Time(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	if shard.Position() != "" {
		t.Errorf("reading begins after %s", shard.Position())
	}
	if err := shard.Process(t.Context(), []types.Record{first}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := b.ends(t); !slices.Equal(got, []string{startNumber.String()}) {
		t.Errorf("links end at %v, want %s", got, startNumber)
	}
}

func TestABatchEndsByAgeThoughNothingComes(t *testing.T) {
	b := newBench(t)
	b.stream.put(0)
	shard := b.open(t, func(c *pipeline.Config, _ *warehouse.Config) { c.FlushInterval = 300 * time.Millisecond })
	b.process(t, shard, 1)
	testenv.Eventually(t, "the batch does not end", func() bool {
		b.process(t, shard, 1)
		return slices.Equal(b.ends(t), []string{"110"})
	})
}

func TestDrainHandsOverAndFinishEndsTheShard(t *testing.T) {
	b := newBench(t)
	b.stream.put(0)
	b.stream.put(2)
	shard := b.open(t, func(*pipeline.Config, *warehouse.Config) {})
	b.process(t, shard, 1)
	if err := shard.Drain(t.Context()); err != nil || shard.Position() != "110" {
		t.Fatalf("position %s, %v", shard.Position(), err)
	}
	if err := shard.Drain(t.Context()); err != nil { // nothing is held
		t.Fatal(err)
	}
	next := b.open(t, func(*pipeline.Config, *warehouse.Config) {})
	if next.Position() != "110" {
		t.Fatalf("the next owner starts after %s", next.Position())
	}
	b.process(t, next, 1)
	if finished, err := next.Finish(t.Context(), "120"); err != nil || !finished {
		t.Fatalf("finished %t, %v", finished, err)
	}
	want := []string{"110 2026-11-23", "120 2026-11-23", "SHARD_END 2026-11-23"}
	if !slices.Equal(b.lease.checkpoints, want) {
		t.Errorf("checkpoints %v, want %v", b.lease.checkpoints, want)
	}
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

func TestFinishRefusesAShardThatAnotherWriterCutShorter(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.stream.put(0)
	}
	slow, quick := b.open(t, func(*pipeline.Config, *warehouse.Config) {}), b.open(t, func(*pipeline.Config, *warehouse.Config) {})
	b.process(t, slow, 3)
	b.process(t, quick, 1)
	if err := quick.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if finished, err := slow.Finish(t.Context(), "130"); err != nil || finished || slow.Position() != "110" {
		t.Fatalf("position %s, finished %t, %v", slow.Position(), finished, err)
	}
	b.process(t, slow, 3)
	if finished, err := slow.Finish(t.Context(), "130"); err != nil || !finished {
		t.Fatalf("finished %t, %v", finished, err)
	}
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

// Somebody took the checkpoint out of the row and left the day, before the first link was there.
func TestADayWithoutACheckpointIsNoPlace(t *testing.T) {
	b := newBench(t)
	for range 2 {
		b.stream.put(0)
	}
	first := b.open(t, func(*pipeline.Config, *warehouse.Config) {})
	second := newShard(testenv.NewS3Client(b.url), b.bucketName, "x", b.lease)
	if err := second.Open(t.Context(), "", "2026-11-24"); err != nil {
		t.Fatal(err)
	}
	for _, shard := range []*pipeline.Pipeline{first, second} {
		b.process(t, shard, 2)
		if err := shard.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

func TestMetricsCountWhatBecameOfRecords(t *testing.T) {
	b := newBench(t)
	for _, kind := range []byte{0, 2, 3, 0} {
		b.stream.put(kind)
	}
	shard := b.open(t, func(c *pipeline.Config, _ *warehouse.Config) {
		c.FlushRecords, c.Metrics = 6, pipeline.NewMetrics(b.metrics)
	})
	b.process(t, shard, 4)
	want := map[string]float64{
		"callevents_records_in_total": 6, "callevents_records_committed_total": 4,
		"callevents_objects_total": 2, "callevents_adopted_links_total": 0, "callevents_records_rejected_total": 2,
	}
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		sum := 0.0
		for _, m := range f.Metric {
			sum += m.GetCounter().GetValue()
		}
		if expected, ok := want[f.GetName()]; ok && sum != expected {
			t.Errorf("%s is %v, want %v", f.GetName(), sum, expected)
		}
		delete(want, f.GetName())
	}
	if len(want) > 0 {
		t.Errorf("no metrics %v", want)
	}
}
