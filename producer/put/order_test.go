package put_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/producer/put"
)

// In strict order each shard has its records in the order of Put, whatever fails, and each put names the one before.
func TestStrictOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		random, last := rand.New(rand.NewPCG(5, 5)), map[string]string{}
		b := start(t, 3, put.Config{StrictOrder: true, InFlight: 8}, func(b *rig) {
			b.stream.refuse = func(string, string) bool { return random.Float64() < 0.4 }
			b.stream.check = func(in *kinesis.PutRecordInput) {
				if in.SequenceNumberForOrdering != nil {
					last[*in.PartitionKey] = *in.SequenceNumberForOrdering
				}
			}
		})
		if err := errors.Join(b.make(300), b.finish()); err != nil {
			t.Fatal(err)
		}
		b.verify(t)
		before := map[string]stored{}
		for _, r := range b.stream.records {
			if previous, ok := before[r.shardID]; ok && (previous.partitionKey >= r.partitionKey || last[r.partitionKey] != sequence(previous)) {
				t.Errorf("%s (ordered after %s) follows %v", r.partitionKey, last[r.partitionKey], previous)
			}
			before[r.shardID] = r
		}
		if len(b.stream.records) != 300 || b.stream.mostUp > 3 {
			t.Errorf("%d records, %d calls at once", len(b.stream.records), b.stream.mostUp)
		}
	})
}

// With fewer calls than shards, no shard has to wait until another has nothing left.
func TestStrictOrderServesTheShardsInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{StrictOrder: true, InFlight: 2}, nil)
		if err := errors.Join(b.make(400), b.finish()); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, r := range b.stream.records[:100] {
			counts[r.shardID]++
		}
		for _, shard := range b.stream.shards {
			if n := counts[shard.ID]; n < 24 || n > 26 {
				t.Fatalf("the first 100 records in the stream: %v", counts)
			}
		}
	})
}
