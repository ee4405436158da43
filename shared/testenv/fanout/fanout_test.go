package fanout_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/fanout"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// The SDK reads both servers alike. Seen to fail for kinesis-local without the first frame: the SDK wants it.
func TestTheSDKSubscribesToBothServers(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		opts fanout.Options
	}{
		"kinesalite":    {testenv.Kinesis(t), fanout.Options{}},
		"kinesis-local": {testenv.KinesisLocal(t), fanout.Options{Native: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, c.url, c.opts)
			r.put("a", "b")
			got, next := r.read(2, &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
			r.put("c")
			more, _ := r.read(1, &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: next})
			if got = append(got, more...); !slices.Equal(got, []string{"a", "b", "c"}) {
				t.Errorf("read %q", got)
			}
		})
	}
}

// As the API reference says of SubscribeToShard and RegisterStreamConsumer.
func TestTheAdapterRefusesAsKinesisDoes(t *testing.T) {
	r := newReader(t, testenv.Kinesis(t), fanout.Options{Refusal: time.Second, Consumers: 1})
	from := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	first := r.subscribe(from)
	_, err := r.call(from)
	if inUse := new(types.ResourceInUseException); !errors.As(err, &inUse) {
		t.Errorf("a second call at once: %v", err)
	}
	time.Sleep(time.Second)
	second := r.subscribe(from)
	for range first.Events() {
	}
	if inUse := new(types.ResourceInUseException); !errors.As(first.Err(), &inUse) {
		t.Errorf("the first subscription, after the second began: %v", first.Err())
	}
	if _, ok := <-second.Events(); !ok {
		t.Errorf("the second subscription: %v", second.Err())
	}
	_, err = r.client.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: r.arn, ConsumerName: aws.String("another")})
	if limit := new(types.LimitExceededException); !errors.As(err, &limit) {
		t.Errorf("one consumer too many: %v", err)
	}
}

// reader is a consumer of a stream with one shard.
type reader struct {
	t                     *testing.T
	config                aws.Config
	client                *kinesis.Client
	stream, arn, consumer *string
}

// call subscribes with a client of its own: the event streams of one client share a buffer without a lock (smithy-go 1.28.5).
func (r *reader) call(from *types.StartingPosition) (*kinesis.SubscribeToShardOutput, error) {
	return kinesis.NewFromConfig(r.config).SubscribeToShard(r.t.Context(), r.input(from))
}

func newReader(t *testing.T, url string, opts fanout.Options) *reader {
	t.Helper()
	server, err := fanout.Listen(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	config := testenv.Config(server.URL())
	r := &reader{t: t, config: config, client: kinesis.NewFromConfig(config)}
	r.stream = aws.String(testenv.StreamIn(t, r.client, 1))
	summary, err := r.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: r.stream})
	if err != nil {
		t.Fatal(err)
	}
	r.arn = summary.StreamDescriptionSummary.StreamARN
	out, err := r.client.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: r.arn, ConsumerName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	r.consumer = out.Consumer.ConsumerARN
	testenv.Eventually(t, "the consumer does not become ACTIVE", func() bool {
		out, err := r.client.DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{StreamARN: r.arn, ConsumerName: aws.String("app")})
		return err == nil && out.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive
	})
	return r
}

func (r *reader) put(data ...string) {
	r.t.Helper()
	for _, d := range data {
		in := &kinesis.PutRecordInput{StreamName: r.stream, Data: []byte(d), PartitionKey: aws.String("p")}
		if _, err := r.client.PutRecord(r.t.Context(), in); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *reader) input(from *types.StartingPosition) *kinesis.SubscribeToShardInput {
	return &kinesis.SubscribeToShardInput{ConsumerARN: r.consumer, ShardId: aws.String("shardId-000000000000"), StartingPosition: from}
}

// subscribe tries for as long as the last subscription refuses others.
func (r *reader) subscribe(from *types.StartingPosition) (stream *kinesis.SubscribeToShardEventStream) {
	r.t.Helper()
	testenv.Eventually(r.t, "no subscription", func() bool {
		out, err := r.call(from)
		if err == nil {
			stream = out.GetStream()
		}
		return err == nil
	})
	r.t.Cleanup(func() { stream.Close() })
	return stream
}

// read returns n records, and where reading goes on. kinesis-local begins a subscription that it then refuses.
func (r *reader) read(n int, from *types.StartingPosition) (records []string, next *string) {
	r.t.Helper()
	testenv.Eventually(r.t, "the records do not come", func() bool {
		stream := r.subscribe(from)
		defer stream.Close()
		for event := range stream.Events() {
			value := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			for _, record := range value.Records {
				records = append(records, string(record.Data))
			}
			if next = value.ContinuationSequenceNumber; len(records) >= n {
				return true
			}
		}
		if inUse := new(types.ResourceInUseException); !errors.As(stream.Err(), &inUse) || len(records) > 0 {
			r.t.Fatalf("%d of %d records, %v", len(records), n, stream.Err())
		}
		return false
	})
	return records, next
}
