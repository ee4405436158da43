package put_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/generate"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
)

// sink acknowledges every record at once.
type sink struct{ put.API }

func (sink) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records))}
	for i := range out.Records {
		out.Records[i] = types.PutRecordsResultEntry{ShardId: aws.String("shardId-000000000000"), SequenceNumber: aws.String("1")}
	}
	return out, nil
}

// BenchmarkSender measures an event from its generation to its acknowledgement, without the AWS client.
func BenchmarkSender(b *testing.B) {
	for _, n := range []int{1, 4, 64} {
		for _, how := range []struct{ aggregate, identity bool }{{false, true}, {false, false}, {true, true}, {true, false}} {
			b.Run(fmt.Sprintf("shards=%d/aggregate=%v/identity=%v", n, how.aggregate, how.identity), func(b *testing.B) {
				log := logrus.New()
				log.SetOutput(io.Discard)
				generator, err := generate.New(1, time.Now)
				if err != nil {
					b.Fatal(err)
				}
				router := route.New(1)
				if how.identity {
					router.OpenLanes(run)
				}
				router.Use(shards(n))
				cfg := put.Config{Stream: "calls", Linger: 100 * time.Millisecond, InFlight: 8, MaxRecordBytes: 1 << 20, RecordTTL: time.Minute, Aggregate: how.aggregate}
				sender := put.NewSender(cfg, sink{}, put.Files{Spill: &spilled{}, Aside: &spilled{}}, func(uint64) {}, log)
				ended := make(chan error)
				go func() { ended <- sender.Run(b.Context()) }()
				b.ReportAllocs()
				for b.Loop() {
					e, _ := generator.Next(b.Context())
					if err := sender.Put(put.Record{Event: e, To: router.Next(), Created: time.Now()}); err != nil {
						b.Fatal(err)
					}
				}
				sender.Close()
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
