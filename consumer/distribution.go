package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// DescribeStreamSummary may be called 20 times a second by all in an account (Kinesis quotas).
const (
	distributionEvery = time.Minute
	distributionTime  = 30 * time.Second // for one call
)

// describer is what a distribution needs of Kinesis; *kinesis.Client has it.
type describer interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// distribution knows whether the stream distributes records itself, see [streams.DistributesItself]. That can be changed
// while the consumer runs.
type distribution struct {
	client describer
	stream string
	itself atomic.Bool
	log    *logrus.Entry
}

func newDistribution(client describer, stream string, itself bool, log *logrus.Entry) *distribution {
	d := &distribution{client: client, stream: stream, log: log}
	d.itself.Store(itself)
	return d
}

// run asks until ctx ends. While there is no answer, the last one holds.
func (d *distribution) run(ctx context.Context) {
	for wait.For(ctx, distributionEvery) == nil {
		if err := d.ask(ctx); err != nil && ctx.Err() == nil {
			d.log.WithError(err).Warn("record distribution not read, trying again in a minute")
		}
	}
}

func (d *distribution) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, distributionTime)
	defer cancel()
	out, err := d.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &d.stream})
	if err != nil {
		return err
	}
	if now := streams.DistributesItself(out.StreamDescriptionSummary); d.itself.Swap(now) != now {
		d.log.WithField("distributes_itself", now).Warn("record distribution of the stream changed, the next object of each shard goes by it")
	}
	return nil
}
