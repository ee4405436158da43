package pipeline_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
)

// counter is S3 that counts the objects put.
type counter struct {
	warehouse.Client
	objects atomic.Int32
}

func (c *counter) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	c.objects.Add(1)
	return &s3.PutObjectOutput{}, nil
}

func (c *counter) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{}, nil
}

// polled is a page: after so many seconds come records that arrived so long ago.
type polled struct {
	after, arrived int // seconds
	records        int
	tip            bool
	want           int32 // objects so far
}

// A batch of 60 s. At the tip its age counts from its first record's arrival, by Kinesis' clock, which is a quarter of a
// century ahead of ours here. Seen to fail when age counts from when records were read: no object before the last page;
// and, where the shard is behind, when it always counts from arrival: an object for each page.
func TestAgeCountsFromArrivalAtTheTip(t *testing.T) {
	for name, pages := range map[string][]polled{
		"polled late, by the next owner": {{0, 70, 5, true, 1}},
		"just arrived":                   {{0, 1, 5, true, 0}, {58, 0, 1, true, 0}, {1, 0, 0, true, 1}},
		"behind, read long after":        {{0, 7200, 5, false, 0}, {59, 7000, 5, false, 0}, {1, 6900, 1, false, 1}},
		"from behind to the tip":         {{0, 7200, 5, false, 0}, {1, 10, 5, false, 0}, {1, 0, 0, true, 1}},
		"behind again":                   {{0, 50, 5, true, 0}, {9, 3, 5, false, 0}, {1, 3, 5, false, 1}},
		"nothing arrived":                {{0, 0, 0, true, 0}, {100, 0, 0, true, 0}},
		"each batch has its own age":     {{0, 70, 5, true, 1}, {1, 0, 5, true, 1}, {59, 0, 0, true, 1}, {1, 0, 0, true, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &counter{}
				store := warehouse.NewStore(warehouse.Config{Location: warehouse.Location{Bucket: "b", Prefix: "r/"}, Format: warehouse.NDJSON,
					Timeout: time.Minute}, client, warehouseMetrics, quietLog)
				shard := pipeline.New(pipeline.Config{FlushInterval: time.Minute, Store: store, Metrics: pipelineMetrics, Log: quietLog},
					pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber, HashKeys: ownKeys}, &recorder{}, stall.NewTracker(stall.After))
				if err := shard.Open(t.Context(), "100", warehouse.Day(kinesisTime())); err != nil {
					t.Fatal(err)
				}
				client.objects.Store(0)
				number := 100
				for i, page := range pages {
					time.Sleep(time.Duration(page.after) * time.Second)
					var records []types.Record
					for range page.records {
						number++
						records = append(records, types.Record{SequenceNumber: aws.String(strconv.Itoa(number)), Data: []byte(`{"user":{"user_id":"1"}}`),
							PartitionKey: aws.String("p"), ApproximateArrivalTimestamp: aws.Time(kinesisTime().Add(-time.Duration(page.arrived) * time.Second))})
					}
					var tip time.Time
					if page.tip {
						tip = kinesisTime()
					}
					if err := shard.Process(t.Context(), records, tip); err != nil {
						t.Fatal(err)
					}
					if got := client.objects.Load(); got != page.want {
						t.Fatalf("page %d: %d objects, want %d", i+1, got, page.want)
					}
				}
			})
		})
	}
}

func kinesisTime() time.Time { return time.Now().AddDate(26, 0, 0).Add(12 * time.Hour) }
