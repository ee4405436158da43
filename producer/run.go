package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/generate"
	"example.com/callevents/producer/journal"
	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/producer/status"
	"example.com/callevents/shared/event"
)

// events are the source of a run's events. Next returns io.EOF after the last one. Soon after ctx ends it returns the
// cause.
type events interface {
	Next(ctx context.Context) (event.Event, error)
}

// input is where the events of a run come from.
type input struct {
	events
	read     func(context.Context) // reads them, for as long as the process lasts: standard input cannot be interrupted; nil: nobody does
	rejected func() uint64         // how many were no events
	journal  *journal.Journal      // nil: none
}

// run puts generated events or those of --input. It ends with the events, the count, the duration or ctx.
func run(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	out, err := openOutputs(cfg)
	if err != nil {
		return status.Report{}, err
	}
	defer func() { _ = out.closeLedger() }() // if the run ends before it begins
	if cfg.Run.Input == "" {
		log.WithField("seed", cfg.Run.Seed).Info("generating events")
		generator, err := generate.New(cfg.Run.Seed, time.Now)
		if err != nil {
			return status.Report{}, err
		}
		return deliver(ctx, cfg, out, input{events: generator, rejected: func() uint64 { return 0 }}, log, terminal)
	}
	file, err := openInput(cfg.Run.Input)
	if err != nil {
		return status.Report{}, err
	}
	defer file.Close()
	lines := source.NewLines(file, out.aside, log)
	from := input{events: lines, read: lines.Run, rejected: lines.Rejected}
	if cfg.Run.Journal != "" {
		if from.journal, err = journal.Open(ctx, cfg.Run.Journal, file); err != nil {
			return status.Report{}, err
		}
		lines.Journal, lines.At = from.journal, from.journal.Start()
		log.WithFields(logrus.Fields{"event": from.journal.First(), "repeats": from.journal.Repeats()}).Info("journal opened")
	}
	report, err := deliver(ctx, cfg, out, from, log, terminal)
	if from.journal != nil {
		err = errors.Join(err, from.journal.Close())
	}
	return report, err
}

// deliver is a whole run, from top to bottom: find the stream and its shards, put events until there are
// no more or ctx ends, put or spill what is unsent, and sum up.
func deliver(ctx context.Context, cfg *Config, out *outputs, from input, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	pacer := pace.New(cfg.pace())
	now := newProgress(pacer, from)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx)) // ends last
	var running sync.WaitGroup
	endBackground := func() { stopBackground(); running.Wait() }
	defer endBackground()
	if err := now.serve(background, &running, cfg, log); err != nil {
		return status.Report{}, err
	}

	router := route.New(cfg.Run.Seed)
	opened, err := openStream(ctx, cfg, router, from.journal, log)
	if err != nil {
		return status.Report{}, err
	}
	files := put.Files{Ledger: out.ledger, Spill: out.spill, Aside: out.aside}
	if from.journal != nil {
		files.Journal = from.journal
		running.Go(func() { from.journal.Run(background) })
	}
	if from.read != nil {
		go from.read(ctx)
	}
	sender := put.NewSender(cfg.sender(opened.maxRecordBytes), opened.client, files, opened.misrouted, log)
	now.begin(sender)
	running.Go(func() { opened.watcher.Run(background) })
	running.Go(func() { status.NewReporter(now.report, terminal, log).Run(background) })
	running.Go(func() { status.Watch(background, now.report, log) })

	sending, stopSending := context.WithCancelCause(context.WithoutCancel(ctx)) // ends soon after ctx
	defer stopSending(nil)
	context.AfterFunc(ctx, func() { sender.Drain(sending, stopSending) })
	running.Go(func() { awaitDistribution(background, cfg, opened, stopSending, log) })
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

// produce puts one record each time that one is due. It returns nil at the end of the run, also if ctx or the sender
// ends it.
func produce(ctx context.Context, duration time.Duration, from input, pacer *pace.Pacer, router *route.Router, sender *put.Sender, loop *pulse.Pulse) error {
	defer loop.Rest()
	if duration > 0 { // the source may block longer than that
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration+pace.StallAfter)
		defer cancel()
	}
	for place := from.first(); ; place++ {
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
		to, err := from.destination(router, e)
		if err != nil {
			return err
		}
		if err := sender.Put(put.Record{Event: e, To: to, Created: now, Place: place}); err != nil {
			return nil // Run's error says why the sender stopped
		}
	}
}

// first is the place of the first event.
func (in input) first() uint64 {
	if in.journal == nil {
		return 0
	}
	return in.journal.First()
}

// destination is the next one, but for an event that was put before: that one keeps its own.
func (in input) destination(router *route.Router, e event.Event) (to route.Destination, err error) {
	if !e.ID.None() {
		return router.Again(e.ID), nil
	}
	to = router.Next()
	if in.journal != nil {
		err = in.journal.Routed(to, router)
	}
	return to, err
}
