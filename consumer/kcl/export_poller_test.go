package kcl

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/sequence"
)

// WithoutThrottleRetries is an option of the client that reads the pages.
var WithoutThrottleRetries = withoutThrottleRetries

// Poller reads one shard without a worker.
type Poller struct {
	source source
	at     sequence.Number
}

// NewPoller returns a poller of a shard.
func NewPoller(client *kinesis.Client, shardReadBytes int, log *logrus.Entry) *Poller {
	w := &Worker{client: client, cfg: Config{Stream: "calls", ShardReadBytes: shardReadBytes}, metrics: NewMetrics(prometheus.NewRegistry())}
	return &Poller{source: w.newSource("shardId-000000000000", stall.NewTracker(stall.After), log)}
}

// Next returns the records of the next page, and whether it reached the tip.
func (p *Poller) Next(ctx context.Context) (records []types.Record, tip bool, err error) {
	page, err := p.source.next(ctx, p.at)
	if page.read {
		p.at = page.at
	}
	return page.records, page.tip, err
}

// KinesisTime is Kinesis' time now.
func (p *Poller) KinesisTime() time.Time { return p.source.last().kinesisTime(time.Now()) }
