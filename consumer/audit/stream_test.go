package audit_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

// A stream with a record, a container of two, and a record to be rejected; then two more.
func TestTheStreamIsReadOnce(t *testing.T) {
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
	s, err := audit.OpenStream(t.Context(), testenv.Config(testenv.Kinesis(t)), stream)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	each := func(r audit.Record) {
		for _, o := range reference.Outcomes(r.Data, r.HashKeys) {
			got = append(got, string(o.Line))
		}
	}
	oldest, err := s.Range(t.Context(), firstShard, numbers[0].Before(), numbers[2], each)
	if want := []string{`{"user":{"user_id":1}}`, `{"user":{"user_id":2}}`, `{"user":{"user_id":3}}`, ""}; err != nil || oldest != numbers[0] || !slices.Equal(got, want) {
		t.Errorf("%q, oldest %s, %v; want %q, %s", got, oldest, err, want, numbers[0])
	}
	s.ExpireIterators()
	put(`{"user":{"user_id":5}}`)
	rest := 0
	if err := s.Rest(t.Context(), func(id string, _ audit.Record) {
		if rest++; id != firstShard {
			t.Errorf("a record in the rest of %s", id)
		}
	}); err != nil || rest != 2 {
		t.Errorf("%d records in the rest, want 2; %v", rest, err)
	}
	if oldest, err := s.Range(t.Context(), "shardId-000000000009", "0", "1", each); err != nil || !oldest.IsZero() {
		t.Errorf("a shard that is not there: oldest %s, %v", oldest, err)
	}
}
