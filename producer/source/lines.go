// Package source reads events that somebody else made.
//
// The input is NDJSON, one event per line; empty lines are passed over. A line that is no event, or is too large for
// a record, is logged with its number, counted, and passed over as well.
package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/event"
)

// Lines is a source of events. Next is for one goroutine, Rejected for any.
type Lines struct {
	in       *bufio.Reader
	maxBytes int
	log      logrus.FieldLogger
	number   int
	rejected atomic.Uint64
	events   chan event.Event
	err      error // why events was closed
}

// NewLines returns a source that reads from in once Run runs. A record has at most maxBytes, its partition key (the
// call_id) counted in.
func NewLines(in io.Reader, maxBytes int, log logrus.FieldLogger) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), maxBytes: maxBytes, log: log, events: make(chan event.Event)}
}

// Run reads until the end of the input or until ctx is done. A read from a terminal or a pipe cannot be interrupted:
// Run may return only after the next line has come.
func (l *Lines) Run(ctx context.Context) {
	defer close(l.events)
	for {
		line, err := l.readLine()
		if len(bytes.TrimSpace(line)) > 0 {
			e, invalid := l.check(line)
			if invalid != nil {
				l.rejected.Add(1)
				l.log.WithError(invalid).WithField("line", l.number).Error("input line rejected")
			} else {
				select {
				case l.events <- e:
				case <-ctx.Done():
					l.err = context.Cause(ctx)
					return
				}
			}
		}
		if err != nil {
			l.err = err
			return
		}
	}
}

// Next returns the next event, io.EOF at the end of the input, and the cause of ctx when ctx is done first.
func (l *Lines) Next(ctx context.Context) (event.Event, error) {
	if ctx.Err() != nil {
		return event.Event{}, context.Cause(ctx)
	}
	select {
	case e, more := <-l.events:
		if !more {
			return event.Event{}, l.err
		}
		return e, nil
	case <-ctx.Done():
		return event.Event{}, context.Cause(ctx)
	}
}

// Rejected is the number of lines that were no events.
func (l *Lines) Rejected() uint64 { return l.rejected.Load() }

// readLine returns the next line; one that is too large comes back cut, but larger than maxBytes still.
func (l *Lines) readLine() (line []byte, err error) {
	l.number++
	for {
		part, err := l.in.ReadSlice('\n')
		if len(line) <= l.maxBytes {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err != nil && !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read input line %d: %w", l.number, err)
			}
			return line, err
		}
	}
}

func (l *Lines) check(line []byte) (event.Event, error) {
	line = bytes.TrimSpace(line)
	if len(line) > l.maxBytes {
		return event.Event{}, fmt.Errorf("larger than a record may be (%d bytes)", l.maxBytes)
	}
	e, err := event.Parse(line)
	if err == nil && len(e.JSON)+len(e.CallID) > l.maxBytes {
		err = fmt.Errorf("%d bytes with its partition key, a record may have %d", len(e.JSON)+len(e.CallID), l.maxBytes)
	}
	return e, err
}
