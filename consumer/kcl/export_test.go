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

// WithProtocol is the option of the client that reads the pages.
var WithProtocol = withProtocol

// DecodeEvent decodes an event of records without the SDK.
var DecodeEvent = decodeEvent

// ErrGone is how a source ends when its shard is not there any more.
var ErrGone = errGone

// Source is a source on its own.
type Source struct{ source source }

// Page is page.
type Page struct {
	Records        []types.Record
	At             sequence.Number
	Read, End, Tip bool
}

// NewFanOut returns a source that reads by enhanced fan-out.
func NewFanOut(client *kinesis.Client, consumer *Registration, shardID string, tracker *stall.Tracker, log *logrus.Entry) Source {
	w := &Worker{cfg: Config{Consumer: consumer}, client: client, metrics: NewMetrics(prometheus.NewRegistry())}
	return Source{w.newSource(shardID, tracker, log)}
}

// Next is next.
func (s Source) Next(ctx context.Context, after sequence.Number) (Page, error) {
	p, err := s.source.next(ctx, after)
	return Page{p.records, p.at, p.read, p.end, p.tip}, err
}

// Behind is how far the last page was behind the tip.
func (s Source) Behind() time.Duration { return s.source.last().behind }
