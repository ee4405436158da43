package pipeline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/event"
)

// A shard holds a batch as it is encoded (FlushBytes if it is not compressed), a page of 1 MiB and its encoder, the
// garbage collector lets the heap grow to twice that, and the process itself needs about 20 MiB:
//
//	peak = 20 MiB + 2 x shards x (FlushBytes / ratio + 1 MiB + encoder)
//
// The ratio of call events is 1 for none, 7 for gzip and zstd, 6 for Parquet; encoders: gzip 1 MiB, zstd 3 MiB, Parquet 6 MiB.
const (
	memoryShards     = 4
	memoryFlushBytes = 8 << 20
	memoryLimitBytes = 128 << 20
)

// TestMemoryIsBounded runs four shards at once through batches of 8 MiB, with an S3 that is away for as long as they
// all have one to commit, in a process of its own, and reads that process's peak.
func TestMemoryIsBounded(t *testing.T) {
	if format := os.Getenv("MEMORY_TEST_FORMAT"); format != "" {
		fill(t, warehouse.Format(format))
		return
	}
	if testing.Short() {
		t.Skip("runs a process per format")
	}
	for _, format := range []warehouse.Format{warehouse.NDJSON, warehouse.NDJSONGzip, warehouse.NDJSONZstd, warehouse.Parquet} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			// Not this binary again: with the race detector it would need several times the memory.
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestMemoryIsBounded$", ".")
			cmd.Env = append(os.Environ(), "MEMORY_TEST_FORMAT="+string(format))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			_, after, _ := strings.Cut(string(out), "VmHWM:")
			kB, err := strconv.Atoi(strings.Fields(after)[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d shards at %d MiB: peak %d MiB", memoryShards, memoryFlushBytes>>20, kB>>10)
			if kB<<10 > memoryLimitBytes {
				t.Errorf("peak %d MiB, limit %d MiB", kB>>10, memoryLimitBytes>>20)
			}
		})
	}
}

// slowS3 answers no commit before all shards have one on its way.
type slowS3 struct {
	warehouse.Client
	all *sync.WaitGroup
}

func (c slowS3) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if !strings.Contains(*in.Key, warehouse.FirstDay) {
		c.all.Done()
		c.all.Wait()
	}
	return &s3.PutObjectOutput{}, nil
}

func (slowS3) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{}, nil
}

func fill(t *testing.T, format warehouse.Format) {
	var shards sync.WaitGroup
	const batches = 3
	rounds := make([]sync.WaitGroup, batches)
	for i := range rounds {
		rounds[i].Add(memoryShards)
	}
	for i := range memoryShards {
		shards.Go(func() {
			clients := &slowS3{all: &rounds[0]}
			cfg := warehouse.Config{Location: warehouse.Location{Bucket: "b", Prefix: "r/"}, Format: format, Timeout: time.Minute, Writer: "w"}
			store := warehouse.NewStore(cfg, clients, warehouseMetrics, quietLog)
			committed := 0
			shard := pipeline.New(pipeline.Config{FlushInterval: time.Hour, FlushBytes: memoryFlushBytes, Store: store,
				Metrics: pipelineMetrics, Log: quietLog, OnCommit: func(l warehouse.Link, _ int) {
					if !l.First.IsZero() {
						if committed++; committed < batches {
							clients.all = &rounds[committed]
						}
					}
				}}, pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber}, forgetful{}, stall.NewTracker(stall.After))
			if err := shard.Open(t.Context(), "", ""); err != nil {
				t.Error(err)
			}
			for n := 1000 + i; committed < batches; {
				page := callEvents(&n)
				if err := shard.Process(t.Context(), page, time.Time{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	shards.Wait()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("the peak is read from /proc")
	}
	fmt.Println(string(status))
}

// callEvents is a page of 1 MiB, which is what the reader asks for, of events as random as real ones.
func callEvents(n *int) []types.Record {
	var page []types.Record
	for bytes := 0; bytes < 1<<20; bytes += len(page[len(page)-1].Data) {
		*n++
		page = append(page, types.Record{Data: callEvent(), PartitionKey: aws.String("p"),
			ApproximateArrivalTimestamp: aws.Time(time.Unix(1763900000, 0)), SequenceNumber: aws.String(strconv.Itoa(*n))})
	}
	return page
}

// template is the event, cut at the brackets of its variable values: those have the odd places.
var template = strings.FieldsFunc(event.Template, func(r rune) bool { return r == '<' || r == '>' })

func callEvent() (record []byte) {
	for i, part := range template {
		switch {
		case i%2 == 0:
			record = append(record, part...)
		case part == "uuid" || strings.Contains(part, "*"):
			record = fmt.Appendf(record, "%016x%016x", rand.Uint64(), rand.Uint64())
		case part == "millis":
			record = strconv.AppendInt(record, 1763900000000+rand.Int64N(1e6), 10)
		case strings.Contains(part, ".."):
			record = strconv.AppendInt(record, 100+rand.Int64N(900), 10)
		default:
			first, _, _ := strings.Cut(part, "|")
			record = append(record, first...)
		}
	}
	return record
}
