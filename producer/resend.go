package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/source"
	"example.com/callevents/producer/spill"
	"example.com/callevents/producer/status"
	"example.com/callevents/shared/event"
)

// resend puts the events of the spill file. They leave it for good once each is in the stream or spilled anew; if the
// process dies before, the next resend puts all of them again.
func resend(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	if cfg.Input != "" {
		return status.Report{}, errors.New("resend puts the events of --spill: leave out --input")
	}
	taken, err := spill.Take(ctx, cfg.Spill)
	if errors.Is(err, fs.ErrNotExist) {
		log.WithField("file", cfg.Spill).Info("nothing was spilled")
		return status.Report{}, nil
	}
	if err != nil {
		return status.Report{}, err
	}
	lines := source.NewLines(taken, int(cfg.MaxRecordBytes), log)
	reading, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than the run: a rest is spilled anew
	defer stop()
	go lines.Run(reading)
	report, err := deliver(ctx, cfg, lines, lines.Rejected, log, terminal)
	if report.Elapsed == 0 {
		return report, errors.Join(err, taken.Close()) // it did not begin: the file is there for the next resend
	}
	rest, restErr := spillRest(reading, lines, cfg.Spill)
	report.Put.Spilled += rest
	if restErr != nil || report.Rejected > 0 || report.Put.Lost > 0 {
		return report, errors.Join(err, restErr, taken.Close(), fmt.Errorf("%s is kept, because not all of it could be read or put; "+
			"remove from it what was put, or the next resend puts it again", taken.Name()))
	}
	return report, errors.Join(err, taken.Remove())
}

// spillRest moves what a resend that ended early has not read yet back to the spill file.
func spillRest(ctx context.Context, lines *source.Lines, path string) (uint64, error) {
	spilled, err := spill.NewFile(path)
	if err != nil {
		return 0, err
	}
	for n := uint64(0); ; n++ {
		e, err := lines.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil {
			err = spilled.Write([]event.Event{e})
		}
		if err != nil {
			return n, fmt.Errorf("spill the rest: %w", err)
		}
	}
}
