package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/generate"
	"example.com/callevents/producer/ledger"
	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/producer/spill"
	"example.com/callevents/producer/status"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/event"
)

// drainTimeout is how long a run that was stopped by a signal may go on to put what it has; the rest is spilled.
const drainTimeout = 30 * time.Second

var errDrainTimeout = fmt.Errorf("not everything was put within %s of the signal; the rest is in the spill file", drainTimeout)

// events are where a run gets its events from. Next returns io.EOF after the last one, and the cause of ctx soon
// after ctx is done.
type events interface {
	Next(ctx context.Context) (event.Event, error)
}

// run puts generated events or those of --input, until one of them ends: the events, the count, the duration, ctx.
func run(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	if cfg.Input != "" {
		in, err := openInput(cfg.Input)
		if err != nil {
			return status.Report{}, err
		}
		defer in.Close()
		lines := source.NewLines(in, int(cfg.MaxRecordBytes), log)
		go lines.Run(ctx) // reading standard input cannot be interrupted: the goroutine may last as long as the process
		return deliver(ctx, cfg, lines, lines.Rejected, log, terminal)
	}
	log.WithField("seed", cfg.Seed).Info("generating events")
	generator, err := generate.New(cfg.Seed, time.Now)
	if err != nil {
		return status.Report{}, err
	}
	return deliver(ctx, cfg, generator, func() uint64 { return 0 }, log, terminal)
}

// deliver is the whole of a run, from top to bottom: open the files, make sure of the stream, read its shard map, then
// put events until there are no more or ctx is done, settle what is in flight, and sum up.
func deliver(ctx context.Context, cfg *Config, from events, rejected func() uint64, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	entries, closeLedger, err := openLedger(cfg.Ledger)
	if err != nil {
		return status.Report{}, err
	}
	defer func() { _ = closeLedger() }() // if the run does not get as far as closing it
	spilled, err := spill.NewFile(cfg.Spill)
	if err := errors.Join(err, checkSummary(cfg.Summary)); err != nil {
		return status.Report{}, err
	}
	awsConfig, err := awsclient.Load(ctx)
	if err != nil {
		return status.Report{}, err
	}
	manager := stream.NewManager(awsclient.Kinesis(awsConfig), cfg.wanted(), log)
	found, err := manager.Ensure(ctx)
	if err != nil {
		return status.Report{}, err
	}
	router := route.New(cfg.Seed)
	watcher := stream.NewWatcher(manager, router, log)
	if err := watcher.Load(ctx); err != nil {
		return status.Report{}, err
	}
	misrouted := watcher.Misrouted
	if stream.DistributesItself(found) {
		misrouted = func(uint64) {} // every record is, and no reading of the shard map would change that
	}

	once := awsclient.Kinesis(awsConfig, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }) // the sender itself retries
	sender := put.NewSender(cfg.sender(), once, entries, spilled, misrouted, log)
	pacer := pace.New(cfg.pace())
	started := time.Now()
	report := func() status.Report {
		return status.Report{Elapsed: time.Since(started), Pace: pacer.Stats(), Put: sender.Stats(), Rejected: rejected()}
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	var running sync.WaitGroup
	if err := serve(background, &running, cfg.HTTP, report, log); err != nil {
		return status.Report{}, err
	}
	running.Go(func() { watcher.Run(background) })
	running.Go(func() { status.NewReporter(report, terminal, log).Run(background) })

	sending, stopSending := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopSending(nil)
	context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, func() { stopSending(errDrainTimeout) }) })
	sent := make(chan error, 1)
	go func() { sent <- sender.Run(sending) }()

	// The order of the end: no more events; what is unsent is put or spilled; then those who watch stop.
	err = produce(ctx, cfg.Duration, from, pacer, router, sender)
	sender.Close()
	err = errors.Join(err, <-sent, closeLedger())
	stopBackground()
	running.Wait()
	return report(), errors.Join(err, sumUp(cfg, report(), err))
}

// produce makes one record whenever one is due. It returns nil when the run is over, for whatever good reason.
func produce(ctx context.Context, duration time.Duration, from events, pacer *pace.Pacer, router *route.Router, sender *put.Sender) error {
	if duration > 0 { // a source may keep us waiting beyond the end
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
			return nil // the sender's own error says why it stopped
		}
	}
}

func serve(ctx context.Context, running *sync.WaitGroup, address string, report func() status.Report, log *logrus.Logger) error {
	if address == "" {
		return nil
	}
	registry := prometheus.NewRegistry()
	if _, err := status.NewMetrics(registry, report); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	server, err := status.Listen(address, registry, report)
	if err != nil {
		return err
	}
	log.WithField("address", server.Address()).Info("serving metrics and health")
	running.Go(func() {
		if err := server.Run(ctx); err != nil {
			log.WithError(err).Error("metrics and health stopped")
		}
	})
	return nil
}

// sumUp prints the summary, and writes it to --summary. runErr is why the run ended early, or nil.
func sumUp(cfg *Config, report status.Report, runErr error) error {
	summary := status.Summarize(cfg.streamID(), report, runErr)
	if err := summary.Print(os.Stdout); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	if cfg.Summary == "" {
		return nil
	}
	text, err := json.MarshalIndent(summary, "", "  ")
	if err == nil {
		err = os.WriteFile(cfg.Summary, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// checkSummary finds out now, rather than after hours, that the summary cannot be written.
func checkSummary(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return file.Close()
}

func openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return os.Stdin, nil
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	return in, nil
}

// openLedger returns a nil ledger, and something to close all the same, if there is to be none.
func openLedger(path string) (put.Ledger, func() error, error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := ledger.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}
