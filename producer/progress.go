package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/status"
	"example.com/callevents/shared/httpserver"
)

// progress is what a run shows of itself, from its start on. Its methods are safe for concurrent use.
type progress struct {
	pacer     *pace.Pacer
	from      input
	eventLoop *pulse.Pulse
	begun     time.Time
	sender    atomic.Pointer[put.Sender] // nil: the run has not begun; set after begun
}

func newProgress(pacer *pace.Pacer, from input) *progress {
	return &progress{pacer: pacer, from: from, eventLoop: pulse.New("event loop")}
}

// begin ends the start.
func (p *progress) begin(sender *put.Sender) {
	p.begun = time.Now()
	p.sender.Store(sender)
}

// stuck says which of our loops stands still. It never blocks.
func (p *progress) stuck() error {
	sender := p.sender.Load()
	if sender == nil {
		return nil
	}
	stuck := errors.Join(sender.Stuck(), p.eventLoop.Err())
	if p.from.journal != nil {
		stuck = errors.Join(stuck, p.from.journal.Stuck())
	}
	return stuck
}

func (p *progress) report() status.Report {
	sender := p.sender.Load()
	if sender == nil {
		return status.Report{Starting: true}
	}
	puts := sender.Stats()
	return status.Report{Elapsed: time.Since(p.begun), Pace: p.pacer.Stats(), Put: puts, Rejected: p.from.rejected() + puts.Refused, Stuck: p.stuck()}
}

// serve serves the status page, metrics and probes at --http until ctx ends.
func (p *progress) serve(ctx context.Context, running *sync.WaitGroup, cfg *Config, log *logrus.Logger) error {
	if cfg.HTTP == "" {
		return nil
	}
	registry := prometheus.NewRegistry()
	if _, err := status.NewMetrics(registry, p.report); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	listener, err := httpserver.Listen(cfg.HTTP)
	if err != nil {
		return err
	}
	log.WithField("address", listener.Addr().String()).Info("status page open")
	window := status.NewWindow(cfg.streamID(), cfg.Run.Rate.String(), p.report)
	running.Go(func() { window.Run(ctx) })
	running.Go(func() {
		if err := httpserver.Serve(ctx, listener, status.Handler(registry, p.stuck, window, log)); err != nil {
			log.WithError(err).Error("HTTP server stopped, the run goes on without metrics and probes")
		}
	})
	return nil
}
