package main

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// A stream with a record, a container of two, and a record to be rejected; then one more.
func TestSourceTellsWhatRecordsShouldHaveBecome(t *testing.T) {
	client, stream := testenv.KinesisClient(t), testenv.Stream(t, 1)
	container := kpl.NewAggregator(1 << 20)
	container.Add("a", hashkey.Key{}, []byte(`{"user":{"user_id":"2"}}`))
	container.Add("b", hashkey.Key{}, []byte(`{"user":{"user_id":"3"}}`))
	var numbers []sequence.Number
	put := func(data string) {
		out, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("a"), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, sequence.Number(*out.SequenceNumber))
	}
	for _, data := range []string{`{"user":{"user_id":"1"}}`, string(container.Flush(nil)), `{}`, `{"user":{"user_id":4}}`} {
		put(data)
	}
	s, err := newSource(t.Context(), testenv.Config(testenv.Kinesis(t)), stream)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	each := func(line []byte) { told = append(told, string(line)) }
	oldest, err := s.Range(t.Context(), shard, numbers[0].Before(), numbers[2], each)
	if want := []string{`{"user":{"user_id":1}}`, `{"user":{"user_id":2}}`, `{"user":{"user_id":3}}`, ""}; err != nil || oldest != numbers[0] || !slices.Equal(told, want) {
		t.Errorf("%q, oldest %s, %v; want %q, %s", told, oldest, err, want, numbers[0])
	}
	s.shards[shard].iterator = nil // as after one that has expired
	put(`{"user":{"user_id":5}}`)
	if err := s.Rest(t.Context(), func(id string, records int) {
		if id != shard || records != 2 {
			t.Errorf("%d records in the rest of %s, want 2", records, id)
		}
	}); err != nil {
		t.Error(err)
	}
	if oldest, err := s.Range(t.Context(), "shardId-000000000009", "0", "1", each); err != nil || !oldest.IsZero() {
		t.Errorf("a shard that is not there: oldest %s, %v", oldest, err)
	}
}
