package main

import (
	"context"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/journal"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/streams"
)

// openedStream is the stream as a run uses it.
type openedStream struct {
	manager        *stream.Manager
	client         *kinesis.Client // does not retry: the sender does
	watcher        *stream.Watcher // keeps the shard map of the router up to date
	misrouted      put.Misrouted   // what the sender tells of records on unexpected shards
	maxRecordBytes int
	distributes    bool // records by itself
}

// openStream makes sure that the stream exists and reads its shard map into router. It waits for what may pass by itself.
func openStream(ctx context.Context, cfg *Config, router *route.Router, journal *journal.Journal, log *logrus.Logger) (*openedStream, error) {
	var config aws.Config
	err := startup.Wait(ctx, log, "the credentials", cfg.StartTimeout, func(ctx context.Context) (err error) {
		if config, err = awsclient.Load(ctx); err == nil {
			config, err = streams.ByARN(config, cfg.StreamARN)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	manager := stream.NewManager(awsclient.Kinesis(config), cfg.wanted(config.Region), cfg.StartTimeout, log)
	found, err := manager.Ensure(ctx)
	if err != nil {
		return nil, err
	}
	if streams.DistributesItself(found) && cfg.needsShards() {
		return nil, stream.ErrDistributesItself{Stream: cfg.streamID()}
	}
	switch {
	case journal != nil:
		if err := journal.Begin(streams.Identity(found), router); err != nil {
			return nil, err
		}
	case cfg.Run.Identity && !streams.DistributesItself(found):
		router.OpenLanes(rand.Uint64() | 1)
	}
	watcher := stream.NewWatcher(manager, router, log)
	if err := watcher.Load(ctx, cfg.StartTimeout); err != nil {
		return nil, err
	}
	opened := &openedStream{manager: manager, client: awsclient.Kinesis(config, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }),
		watcher: watcher, misrouted: watcher.Misrouted, maxRecordBytes: stream.MaxRecordBytes(found), distributes: streams.DistributesItself(found)}
	if opened.distributes { // every record comes out on another shard, whatever the shard map says
		opened.misrouted = func(uint64) {}
	}
	return opened, nil
}

// awaitDistribution ends a run that needs the shards of its records, once the stream distributes records itself. Any other goes on.
func awaitDistribution(ctx context.Context, cfg *Config, opened *openedStream, stop context.CancelCauseFunc, log *logrus.Logger) {
	if opened.distributes {
		return // it was told at the start
	}
	switch err := opened.manager.AwaitDistribution(ctx); {
	case err == nil: // the run has ended
	case cfg.needsShards():
		stop(err)
	default:
		log.Warn(stream.DistributesItself)
	}
}
