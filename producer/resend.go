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

// resend puts the events of the spill file. It removes the file once each event is in the stream or spilled again. After
// a crash the next resend puts all of them again.
func resend(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	if cfg.Input != "" {
		return status.Report{}, errors.New("resend puts the events of --spill: leave out --input")
	}
	file, err := spill.OpenResend(ctx, cfg.Spill)
	if errors.Is(err, fs.ErrNotExist) {
		log.WithField("file", cfg.Spill).Info("no spill file, nothing to resend")
		return status.Report{}, nil
	}
	if err != nil {
		return status.Report{}, err
	}
	lines := source.NewLines(file, int(cfg.MaxRecordBytes), log)
	reading, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than the run: the rest is spilled again
	defer stop()
	go lines.Run(reading)
	report, err := deliver(ctx, cfg, lines, lines.Rejected, log, terminal)
	if report.Elapsed == 0 {
		return report, errors.Join(err, file.Close()) // nothing was put: the file stays for the next resend
	}
	rest, restErr := spillRest(reading, lines, cfg.Spill)
	report.Put.Spilled += rest
	if restErr != nil || report.Rejected > 0 || report.Put.Lost > 0 {
		return report, errors.Join(err, restErr, file.Close(), fmt.Errorf("%s stays, because some of its lines were not put; "+
			"remove the others from it, or the next resend puts them again", file.Name()))
	}
	return report, errors.Join(err, file.Remove())
}

// spillRest spills the lines that a resend has not read because it ended early.
func spillRest(ctx context.Context, lines *source.Lines, path string) (spilled uint64, err error) {
	file, err := spill.NewFile(path)
	if err != nil {
		return 0, err
	}
	for n := uint64(0); ; n++ {
		e, err := lines.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil {
			err = file.Write([]event.Event{e})
		}
		if err != nil {
			return n, fmt.Errorf("spill the rest: %w", err)
		}
	}
}
