package main_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	main "example.com/callevents/consumer"
)

// changing is a stream that distributes records itself for an hour, from a time on. Every other call fails.
type changing struct {
	from  time.Time
	calls int
}

func (c *changing) DescribeStreamSummary(ctx context.Context, _ *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	if c.calls++; c.calls%2 == 0 {
		<-ctx.Done() // it never answers
		return nil, errors.New("not now")
	}
	out := &types.StreamDescriptionSummary{}
	if since := time.Since(c.from); since >= 0 && since < time.Hour {
		out.RecordDistributionStrategy = types.RecordDistributionStrategyAuto
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: out}, nil
}

// The record distribution may be changed while a consumer runs, there and back.
func TestAChangeOfTheRecordDistributionIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := logrus.New()
		log.SetOutput(io.Discard)
		stream := &changing{from: time.Now().Add(time.Hour)}
		itself, stop := main.WatchDistribution(t.Context(), stream, logrus.NewEntry(log))
		defer stop()
		for hour, want := range []bool{false, true, false} {
			time.Sleep(59 * time.Minute)
			if itself() != want {
				t.Errorf("hour %d: %t, want %t", hour, itself(), want)
			}
			time.Sleep(time.Minute)
		}
	})
}
