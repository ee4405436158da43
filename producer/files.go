package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/producer/private"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/spill"
	"example.com/callevents/producer/status"
)

func openInput(path string) (*os.File, error) {
	if path == "-" {
		return os.Stdin, nil
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	return in, nil
}

// outputs are the files that a run writes while it puts events.
type outputs struct {
	ledger      put.Ledger // nil: none
	closeLedger func() error
	spill       *spill.File
	aside       *spill.File // what the stream does not take; it has the form of a spill, and no resend reads it
}

// asidePath is the file beside the spill file for events that no run can put.
func asidePath(spill string) string { return strings.TrimSuffix(spill, ".ndjson") + ".rejected.ndjson" }

// openOutputs opens the files. A file that cannot be written, the summary too, is an error now and not after hours.
func openOutputs(cfg *Config) (*outputs, error) {
	out := &outputs{closeLedger: func() error { return nil }}
	if cfg.Ledger != "" {
		file, err := ledger.Open(cfg.Ledger)
		if err != nil {
			return nil, err
		}
		out.ledger, out.closeLedger = file, file.Close
	}
	var spillErr, asideErr error
	out.spill, spillErr = spill.NewFile(cfg.Spill)
	out.aside, asideErr = spill.NewFile(asidePath(cfg.Spill))
	if err := errors.Join(spillErr, asideErr, checkSummary(cfg.Summary)); err != nil {
		return nil, errors.Join(err, out.closeLedger())
	}
	return out, nil
}

func checkSummary(path string) error {
	if path == "" {
		return nil
	}
	file, err := private.Open(path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return file.Close()
}

// summarize prints the summary, and writes it to --summary. runErr is why the run ended early, or nil.
func summarize(cfg *Config, report status.Report, runErr error) error {
	summary := status.Summarize(cfg.streamID(), report, runErr)
	if err := summary.Print(os.Stdout); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	if cfg.Summary == "" {
		return nil
	}
	text, err := json.MarshalIndent(summary, "", "  ")
	if err == nil {
		err = writeSummary(cfg.Summary, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func writeSummary(path string, text []byte) error {
	file, err := private.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
