package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/generate"
	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/producer/status"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/httpserver"
)

// drainTimeout is how long a run goes on after a signal to put what is unsent. Then it spills the rest.
const drainTimeout = 30 * time.Second

var errDrainTimeout = fmt.Errorf("not everything was put within %s of the signal; the rest is in the spill file", drainTimeout)

// events are the source of a run's events. Next returns io.EOF after the last one. Soon after ctx ends it returns the
// cause.
type events interface {
	Next(ctx context.Context) (event.Event, error)
}

// run puts generated events or those of --input. It ends with the events, the count, the duration or ctx.
func run(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	if cfg.Input != "" {
		in, err := openInput(cfg.Input)
		if err != nil {
			return status.Report{}, err
		}
		defer in.Close()
		lines := source.NewLines(in, int(cfg.MaxRecordBytes), log)
		go lines.Run(ctx) // a read of standard input cannot be interrupted: this may last as long as the process
		return deliver(ctx, cfg, lines, lines.Rejected, log, terminal)
	}
	log.WithField("seed", cfg.Seed).Info("generating events")
	generator, err := generate.New(cfg.Seed, time.Now)
	if err != nil {
		return status.Report{}, err
	}
	return deliver(ctx, cfg, generator, func() uint64 { return 0 }, log, terminal)
}

// deliver is a whole run, from top to bottom: open the files, find the stream and its shards, put events until there are
// no more or ctx ends, put or spill what is unsent, and sum up.
func deliver(ctx context.Context, cfg *Config, from events, rejected func() uint64, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	out, err := openOutputs(cfg)
	if err != nil {
		return status.Report{}, err
	}
	defer func() { _ = out.closeLedger() }() // if the run ends before it begins
	awsConfig, err := awsclient.Load(ctx)
	if err != nil {
		return status.Report{}, err
	}
	router := route.New(cfg.Seed)
	watcher, misrouted, err := openStream(ctx, cfg, awsConfig, router, log)
	if err != nil {
		return status.Report{}, err
	}
	once := awsclient.Kinesis(awsConfig, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }) // the sender retries
	sender := put.NewSender(cfg.sender(), once, out.ledger, out.spill, misrouted, log)
	pacer := pace.New(cfg.pace())
	started := time.Now()
	report := func() status.Report {
		return status.Report{Elapsed: time.Since(started), Pace: pacer.Stats(), Put: sender.Stats(), Rejected: rejected()}
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx)) // ends last
	defer stopBackground()
	var running sync.WaitGroup
	if err := serve(background, &running, cfg.HTTP, report, log); err != nil {
		return status.Report{}, err
	}
	running.Go(func() { watcher.Run(background) })
	running.Go(func() { status.NewReporter(report, terminal, log).Run(background) })

	sending, stopSending := context.WithCancelCause(context.WithoutCancel(ctx)) // ends drainTimeout after ctx
	defer stopSending(nil)
	context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, func() { stopSending(errDrainTimeout) }) })
	sent := make(chan error, 1)
	go func() { sent <- sender.Run(sending) }()

	// The order of the end: no more events; what is unsent is put or spilled; the background stops; the summary.
	err = produce(ctx, cfg.Duration, from, pacer, router, sender)
	sender.Close()
	err = errors.Join(err, <-sent, out.closeLedger())
	stopBackground()
	running.Wait()
	return report(), errors.Join(err, summarize(cfg, report(), err))
}

// openStream makes sure that the stream exists and reads its shard map into router. The watcher keeps that up to date.
// misrouted is what the sender tells of records on unexpected shards.
func openStream(ctx context.Context, cfg *Config, awsConfig aws.Config, router *route.Router, log *logrus.Logger) (watcher *stream.Watcher, misrouted put.Misrouted, err error) {
	manager := stream.NewManager(awsclient.Kinesis(awsConfig), cfg.wanted(), log)
	found, err := manager.Ensure(ctx)
	if err != nil {
		return nil, nil, err
	}
	watcher = stream.NewWatcher(manager, router, log)
	if err := watcher.Load(ctx); err != nil {
		return nil, nil, err
	}
	if stream.DistributesItself(found) { // every record comes out on another shard, whatever the shard map says
		return watcher, func(uint64) {}, nil
	}
	return watcher, watcher.Misrouted, nil
}

// produce puts one record each time that one is due. It returns nil at the end of the run, also if ctx or the sender
// ends it.
func produce(ctx context.Context, duration time.Duration, from events, pacer *pace.Pacer, router *route.Router, sender *put.Sender) error {
	if duration > 0 { // the source may block longer than that
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration+pace.StallAfter)
		defer cancel()
	}
	for {
		if _, due := pacer.Next(ctx); !due {
			return nil
		}
		asked := time.Now()
		e, err := from.Next(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		now := time.Now()
		if waited := now.Sub(asked); waited > pace.StallAfter {
			pacer.Forgive(waited)
		}
		if err := sender.Put(put.Record{Event: e, To: router.Next(), Created: now}); err != nil {
			return nil // Run's error says why the sender stopped
		}
	}
}

// serve serves metrics and health at --http until ctx ends.
func serve(ctx context.Context, running *sync.WaitGroup, address string, report func() status.Report, log *logrus.Logger) error {
	if address == "" {
		return nil
	}
	registry := prometheus.NewRegistry()
	if _, err := status.NewMetrics(registry, report); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	listener, err := httpserver.Listen(address)
	if err != nil {
		return err
	}
	log.WithField("address", listener.Addr().String()).Info("HTTP server started: /metrics and /healthz")
	running.Go(func() {
		if err := httpserver.Serve(ctx, listener, status.Handler(registry, report, log)); err != nil {
			log.WithError(err).Error("HTTP server stopped, the run goes on without metrics and health")
		}
	})
	return nil
}
