package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/generate"
	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/producer/status"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/streams"
)

// events are the source of a run's events. Next returns io.EOF after the last one. Soon after ctx ends it returns the
// cause.
type events interface {
	Next(ctx context.Context) (event.Event, error)
}

// run puts generated events or those of --input. It ends with the events, the count, the duration or ctx.
func run(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	out, err := openOutputs(cfg)
	if err != nil {
		return status.Report{}, err
	}
	defer func() { _ = out.closeLedger() }() // if the run ends before it begins
	if cfg.Run.Input != "" {
		in, err := openInput(cfg.Run.Input)
		if err != nil {
			return status.Report{}, err
		}
		defer in.Close()
		lines := source.NewLines(in, out.aside, log)
		go lines.Run(ctx) // a read of standard input cannot be interrupted: this may last as long as the process
		return deliver(ctx, cfg, out, lines, lines.Rejected, log, terminal)
	}
	log.WithField("seed", cfg.Run.Seed).Info("generating events")
	generator, err := generate.New(cfg.Run.Seed, time.Now)
	if err != nil {
		return status.Report{}, err
	}
	return deliver(ctx, cfg, out, generator, func() uint64 { return 0 }, log, terminal)
}

// deliver is a whole run, from top to bottom: find the stream and its shards, put events until there are
// no more or ctx ends, put or spill what is unsent, and sum up.
func deliver(ctx context.Context, cfg *Config, out *outputs, from events, rejected func() uint64, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	pacer := pace.New(cfg.pace())
	now := newProgress(pacer, rejected)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx)) // ends last
	var running sync.WaitGroup
	endBackground := func() { stopBackground(); running.Wait() }
	defer endBackground()
	if err := now.serve(background, &running, cfg, log); err != nil {
		return status.Report{}, err
	}

	router := route.New(cfg.Run.Seed)
	opened, err := openStream(ctx, cfg, router, log)
	if err != nil {
		return status.Report{}, err
	}
	files := put.Files{Ledger: out.ledger, Spill: out.spill, Aside: out.aside}
	sender := put.NewSender(cfg.sender(opened.maxRecordBytes), opened.client, files, opened.misrouted, log)
	now.begin(sender)
	running.Go(func() { opened.watcher.Run(background) })
	running.Go(func() { status.NewReporter(now.report, terminal, log).Run(background) })
	running.Go(func() { status.Watch(background, now.report, log) })

	sending, stopSending := context.WithCancelCause(context.WithoutCancel(ctx)) // ends soon after ctx
	defer stopSending(nil)
	context.AfterFunc(ctx, func() { sender.Drain(sending, stopSending) })
	if cfg.Run.Aggregate || cfg.Run.StrictOrder {
		running.Go(func() {
			if err := opened.manager.AwaitDistribution(background); err != nil {
				stopSending(err)
			}
		})
	}
	sent := make(chan error, 1)
	go func() { sent <- sender.Run(sending) }()

	// The order of the end: no more events; what is unsent is put or spilled; the background stops; the summary.
	err = produce(ctx, cfg.Run.Duration, from, pacer, router, sender, now.eventLoop)
	sender.Close()
	err = errors.Join(err, <-sent, out.closeLedger())
	endBackground()
	report := now.report()
	return report, errors.Join(err, summarize(cfg, report, err))
}

// openedStream is the stream as a run uses it.
type openedStream struct {
	manager        *stream.Manager
	client         *kinesis.Client // does not retry: the sender does
	watcher        *stream.Watcher // keeps the shard map of the router up to date
	misrouted      put.Misrouted   // what the sender tells of records on unexpected shards
	maxRecordBytes int
}

// openStream makes sure that the stream exists and reads its shard map into router. It waits for what may pass by itself.
func openStream(ctx context.Context, cfg *Config, router *route.Router, log *logrus.Logger) (*openedStream, error) {
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
	if streams.DistributesItself(found) && (cfg.Run.Aggregate || cfg.Run.StrictOrder) {
		return nil, stream.ErrDistributesItself{Stream: cfg.streamID()}
	}
	if cfg.Run.Identity && !streams.DistributesItself(found) {
		router.OpenLanes(rand.Uint64() | 1)
	}
	watcher := stream.NewWatcher(manager, router, log)
	if err := watcher.Load(ctx, cfg.StartTimeout); err != nil {
		return nil, err
	}
	opened := &openedStream{manager: manager, client: awsclient.Kinesis(config, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }),
		watcher: watcher, misrouted: watcher.Misrouted, maxRecordBytes: stream.MaxRecordBytes(found)}
	if streams.DistributesItself(found) { // every record comes out on another shard, whatever the shard map says
		opened.misrouted = func(uint64) {}
	}
	return opened, nil
}

// produce puts one record each time that one is due. It returns nil at the end of the run, also if ctx or the sender
// ends it.
func produce(ctx context.Context, duration time.Duration, from events, pacer *pace.Pacer, router *route.Router, sender *put.Sender, loop *pulse.Pulse) error {
	defer loop.Rest()
	if duration > 0 { // the source may block longer than that
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration+pace.StallAfter)
		defer cancel()
	}
	for {
		loop.Beat(pacer.Wait())
		if _, due := pacer.Next(ctx); !due {
			return nil
		}
		loop.Rest() // the source may take any time, and so may Put: the sender's loop ends that
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
		if err := sender.Put(put.Record{Event: e, To: destination(router, e), Created: now}); err != nil {
			return nil // Run's error says why the sender stopped
		}
	}
}

// destination is the next one, but for an event that was put before: that one keeps its own.
func destination(router *route.Router, e event.Event) route.Destination {
	if e.ID.None() {
		return router.Next()
	}
	return router.Again(e.ID)
}
