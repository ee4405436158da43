package redrive_test

import (
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/redrive"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// Against a real server: the bytes, the partition key, and the shard that the explicit hash key leads to.
func TestRecordsArriveInTheStream(t *testing.T) {
	const halfway = "170141183460469231731687303715884105728"
	low, high := entry(transform.NotJSON, "low\x00\xff"), entry(transform.NoUserID, "high")
	low.ExplicitHashKey, high.ExplicitHashKey = "0", halfway
	low.PartitionKey, high.PartitionKey = "k", "k"
	bucketClient := newBucket(t, map[string][]warehouse.DeadLetter{"dt=2026-11-24/x": {low, high}})
	client, name := testenv.KinesisClient(t), testenv.Stream(t, 2)
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg := redrive.Config{Bucket: bucket, ErrorsPrefix: prefix, Stream: name}
	if sum, err := redrive.New(cfg, bucketClient, client, log).Run(t.Context()); err != nil || sum.Put != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for shard, want := range map[string]string{"shardId-000000000000": string(low.Data), "shardId-000000000001": string(high.Data)} {
		it, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil || len(out.Records) != 1 || string(out.Records[0].Data) != want || aws.ToString(out.Records[0].PartitionKey) != "k" {
			t.Errorf("%s has %+v, %v; want %q", shard, out, err, want)
		}
	}
}
