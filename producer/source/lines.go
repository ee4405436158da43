// Package source reads events from a file or a pipe.
//
// The input is NDJSON, one event per line. Empty lines are skipped. A line that is no event, or is too large for a record,
// is rejected: logged with its number, counted, and skipped. The package changes no event.
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

// Lines is a source of events. One goroutine may call Run, one Next, any Rejected.
type Lines struct {
	in       *bufio.Reader
	maxBytes int
	log      logrus.FieldLogger
	number   int
	rejected atomic.Uint64
	events   chan event.Event
	err      error // why events was closed
}

// NewLines returns a source that Run reads from in. A record has at most maxBytes, including its partition key, the
// call_id.
func NewLines(in io.Reader, maxBytes int, log logrus.FieldLogger) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), maxBytes: maxBytes, log: log, events: make(chan event.Event)}
}

// Run reads until the input or ctx ends. A read from a terminal or a pipe cannot be interrupted: after the end of ctx, Run
// returns with the next line.
func (l *Lines) Run(ctx context.Context) {
	defer close(l.events)
	for {
		line, err := l.readLine()
		if len(bytes.TrimSpace(line)) > 0 {
			e, invalid := l.check(line)
			if invalid != nil {
				l.rejected.Add(1)
				l.log.WithError(invalid).WithField("line", l.number).Error("input line rejected, it is not put")
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

// Next returns the next event, io.EOF at the end of the input, or the cause if ctx ends first.
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

// Rejected is the number of rejected lines.
func (l *Lines) Rejected() uint64 { return l.rejected.Load() }

// readLine returns the next line. A line that is too large is cut, but is still larger than maxBytes.
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
		return event.Event{}, fmt.Errorf("larger than the largest record (%d bytes)", l.maxBytes)
	}
	e, err := event.Parse(line)
	if err == nil && len(e.JSON)+len(e.CallID) > l.maxBytes {
		err = fmt.Errorf("%d bytes with its partition key; the largest record has %d", len(e.JSON)+len(e.CallID), l.maxBytes)
	}
	return e, err
}
