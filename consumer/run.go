package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/status"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/httpserver"
	"example.com/callevents/shared/sequence"
)

// run consumes until ctx ends, or until something happens that only a person can mend. The HTTP server starts first: it
// answers while the consumer waits for its stream, and a port in use is an error before anything is touched.
func (cfg *Config) run(ctx context.Context, logger *logrus.Logger) error {
	cfg.Stream = nameOf(cfg.Stream, cfg.StreamARN)
	registry := prometheus.NewRegistry()
	instance := newInstance(cfg, cfg.worker(), registry)
	logger.AddHook(eventHook{instance.lookout.Note})
	log := logger.WithFields(logrus.Fields{"worker_id": instance.workerID, "stream": cfg.Stream})
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.HTTP == "" {
		return cfg.consume(ctx, instance, registry, log)
	}
	listener, err := httpserver.Listen(cfg.HTTP)
	if err != nil {
		return err
	}
	statusCtx, stopStatus := context.WithCancel(context.WithoutCancel(ctx))
	group, groupCtx := errgroup.WithContext(ctx)
	log.WithField("address", listener.Addr().String()).Info("status page open")
	group.Go(func() error {
		return httpserver.Serve(statusCtx, listener, status.Handler(instance, registry, log))
	})
	group.Go(func() error {
		defer stopStatus()
		return cfg.consume(groupCtx, instance, registry, log)
	})
	return group.Wait()
}

// consume makes sure of the stream, the lease table and the bucket, and then works. The order of the start: first it
// only reads, so that a start that fails leaves nothing where another application is; then it tries the bucket, and registers
// the consumer of enhanced fan-out, which costs; the lease table, which pins this start's stream and location, comes last.
func (cfg *Config) consume(ctx context.Context, instance *instance, registry *prometheus.Registry, log *logrus.Entry) error {
	start := starting{log, time.Now().Add(cfg.StartTimeout)}
	awsCfg, err := await(ctx, start, "the AWS credentials", loadAWS(cfg.StreamARN))
	if err != nil {
		return err
	}
	stream, err := await(ctx, start, "the stream", func(ctx context.Context) (streamInfo, error) {
		return findStream(ctx, awsclient.Kinesis(awsCfg), cfg.Stream, cfg.StreamARN)
	})
	if err != nil {
		return err
	}
	table := lease.NewDynamoDB(awsclient.DynamoDB(awsCfg), cfg.App, cfg.application(stream))
	store := warehouse.NewStore(cfg.warehouse(instance.workerID, stream), awsclient.S3(awsCfg, cfg.BucketOwner), warehouse.NewMetrics(registry), log)
	check := func(ctx context.Context) error {
		return table.Check(ctx, cfg.lease(instance.workerID, instance.lookout.Report), stream.shards)
	}
	if err := start.wait(ctx, "the lease table", check); err != nil {
		return err
	}
	if err := start.wait(ctx, "the bucket", store.Preflight); err != nil {
		return err
	}
	registered, err := cfg.register(ctx, start, awsCfg, stream.arn, log)
	if err != nil {
		return err
	}
	if err := start.wait(ctx, "the lease table", table.Prepare); err != nil {
		return err
	}
	if store.Locations, err = locations(table.Application().Locations); err != nil {
		return err
	}
	store.Remembered = remembered(table)
	distribution := newDistribution(awsclient.Kinesis(awsCfg), cfg.Stream, stream.distributesItself, log)
	defer beside(ctx, distribution.run)()
	shards := pipeline.Config{
		Stream: cfg.Stream, DistributesItself: distribution.itself.Load,
		FlushInterval: cfg.FlushInterval, FlushBytes: int(cfg.FlushBytes), FlushRecords: cfg.FlushRecords,
		Store: store, Metrics: pipeline.NewMetrics(registry), Log: log, OnCommit: instance.committed,
	}
	reading := cfg.kcl(instance, table.Application().Start(), stream.retention)
	reading.Consumer = registered
	var worker *kcl.Worker
	shards.Parents = func(shard string) []string { return worker.Parents(shard) }
	worker = kcl.NewWorker(reading, awsCfg, table, newPipeline(shards),
		lease.NewMetrics(registry), kcl.NewMetrics(registry), log)
	registry.MustRegister(worker)
	instance.begin(worker, table, awsCfg.Region, store.Location.String())
	defer beside(context.WithoutCancel(ctx), instance.watch)()
	log.WithFields(logrus.Fields{"application": cfg.App, "region": awsCfg.Region, "read": cfg.Read, "warehouse": store.Location,
		"distributes_itself": stream.distributesItself, "initial_position": table.Application().InitialPosition}).Info("consumer started")
	defer beside(ctx, moving{table, store, awsclient.Kinesis(awsCfg), cfg.Stream, log}.run)()
	return worker.Run(ctx)
}

// beside lets loop run in a goroutine of its own. stop ends its context and waits for it.
func beside(ctx context.Context, loop func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// newPipeline makes the pipelines of the shards that leases are acquired for.
func newPipeline(cfg pipeline.Config) kcl.NewPipeline {
	return func(shard types.Shard, l *lease.Lease, tracker *stall.Tracker) (*pipeline.Pipeline, error) {
		start, err := sequence.Parse(aws.ToString(shard.SequenceNumberRange.StartingSequenceNumber))
		if err != nil {
			return nil, fmt.Errorf("shard %s: %w", aws.ToString(shard.ShardId), err)
		}
		keys, err := hashkey.ParseRange(aws.ToString(shard.HashKeyRange.StartingHashKey), aws.ToString(shard.HashKeyRange.EndingHashKey))
		if err != nil {
			return nil, fmt.Errorf("shard %s: %w", aws.ToString(shard.ShardId), err)
		}
		info := pipeline.Shard{ID: aws.ToString(shard.ShardId), StartingSequenceNumber: start, HashKeys: keys}
		return pipeline.New(cfg, info, l, tracker), nil
	}
}

func (c *Config) warehouse(workerID string, stream streamInfo) warehouse.Config {
	format := map[string]warehouse.Format{"gzip": warehouse.NDJSONGzip, "zstd": warehouse.NDJSONZstd, "none": warehouse.NDJSON}[c.Compression]
	if c.Format == "parquet" {
		format = warehouse.Parquet
	}
	return warehouse.Config{
		Application: c.App, Stream: stream.identity, Writer: workerID,
		Location: warehouse.Location{Bucket: c.Bucket, Prefix: c.Prefix}, ErrorsPrefix: c.ErrorsPrefix, Format: format,
		Retention: stream.retention,
	}
}

// application is what this start would pin if it were the first.
func (c *Config) application(stream streamInfo) lease.Application {
	pin := lease.Application{InitialPosition: lease.TrimHorizon, Stream: stream.identity,
		Locations: []string{warehouse.Location{Bucket: c.Bucket, Prefix: c.Prefix}.String()}}
	if start, err := c.startAt(stream.now); err == nil && !start.IsZero() {
		pin.InitialPosition = start.UTC().Format(time.RFC3339Nano)
	}
	return pin
}

func (c *Config) kcl(i *instance, start time.Time, retention time.Duration) kcl.Config {
	return kcl.Config{
		Stream: c.Stream, Application: c.App, WorkerID: i.workerID, Start: start, Retention: retention,
		Grace: c.LeaseDuration, ShardReadBytes: int(c.ShardReadBytes),
		Lease: c.lease(i.workerID, i.lookout.Report),
	}
}

func (c *Config) lease(workerID string, report func() []byte) lease.Config {
	return lease.Config{WorkerID: workerID, Duration: c.LeaseDuration, SyncInterval: c.SyncInterval, Report: report}
}

func locations(texts []string) (at []warehouse.Location, err error) {
	for _, text := range texts {
		l, err := warehouse.ParseLocation(text)
		if err != nil {
			return nil, err
		}
		at = append(at, l)
	}
	return at, nil
}
