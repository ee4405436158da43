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
// a crash the next resend puts all of them again, with the same identities.
func resend(ctx context.Context, cfg *Config, log *logrus.Logger, terminal *status.Terminal) (status.Report, error) {
	out, err := openOutputs(cfg)
	if err != nil {
		return status.Report{}, err
	}
	defer func() { _ = out.closeLedger() }()
	file, err := spill.OpenResend(ctx, cfg.Spill)
	if errors.Is(err, fs.ErrNotExist) {
		log.WithField("file", cfg.Spill).Info("no spill file, nothing to resend")
		return status.Report{}, nil
	}
	if err != nil {
		return status.Report{}, err
	}
	lines := source.NewLines(file, out.aside, log)
	lines.Identity = spill.Identity
	reading, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than the run: the rest is spilled again
	defer stop()
	from := input{events: lines, rejected: lines.Rejected, read: func(context.Context) { lines.Run(reading) }}
	report, err := deliver(ctx, cfg, out, from, log, terminal)
	if report.Elapsed == 0 {
		return report, errors.Join(err, file.Close()) // nothing was put: the file stays for the next resend
	}
	rest, restErr := spillRest(reading, lines, out.spill)
	report.Put.Spilled += rest
	if restErr != nil || lines.Left() > 0 || report.Put.Lost > 0 {
		return report, errors.Join(err, restErr, file.Close(), fmt.Errorf("%s stays, because some of its lines were not put; "+
			"remove the others from it, or the next resend puts them again", file.Name()))
	}
	return report, errors.Join(err, file.Remove())
}

// restBytes is how much of the rest of a resend is written at a time: each write is forced to disk.
const restBytes = 4 << 20

// spillRest spills the lines that a resend has not read because it ended early.
func spillRest(ctx context.Context, lines *source.Lines, file *spill.File) (spilled uint64, err error) {
	for ended := false; !ended; {
		var some []event.Event
		for bytes := 0; bytes < restBytes && !ended; {
			e, err := lines.Next(ctx)
			if ended = errors.Is(err, io.EOF); ended {
				break
			}
			if err != nil {
				return spilled, fmt.Errorf("spill the rest: %w", err)
			}
			some = append(some, e)
			bytes += len(e.JSON)
		}
		if len(some) == 0 {
			continue
		}
		if err := file.Write(some); err != nil {
			return spilled, fmt.Errorf("spill the rest: %w", err)
		}
		spilled += uint64(len(some))
	}
	return spilled, nil
}
