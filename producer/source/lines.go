// Package source reads events from a file or a pipe.
//
// The input is NDJSON, one event per line. Empty lines are skipped. A line that is no event, or is too large for any
// stream, is rejected: logged with its number, counted, and put aside. The package changes no event.
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
	"example.com/callevents/shared/identity"
)

// MaxBytes is the size of the largest record that any stream can take, partition key included.
const MaxBytes = 10 << 20

// Aside keeps the lines that were rejected. Write returns when they are on disk.
type Aside interface {
	Write([]event.Event) error
}

// Position is a place between two lines of an input.
type Position struct {
	Bytes  int64  `json:"bytes"`  // before it
	Lines  int    `json:"lines"`  // before it, also those that are no events
	Events uint64 `json:"events"` // before it
}

// Journal is told of events before they are delivered.
type Journal interface {
	// Read is given the next events, which it may change, and where the input goes on after them. It returns those that are to be
	// delivered.
	Read(next []event.Event, after Position) ([]event.Event, error)
	// Mark is where the events that Read is given must end, if they come to it.
	Mark() int64
}

// A journal is told of so many events at a time.
const (
	chunkEvents = 1000
	chunkBytes  = 1 << 20
)

// Lines is a source of events. One goroutine may call Run, one Next, any Rejected and Left. The fields must not change while
// Run runs.
type Lines struct {
	Identity func(line []byte) (id identity.ID, rest []byte) // takes the identity off a line; nil: no line has one
	Journal  Journal                                         // nil: none
	At       Position                                        // where Run begins, and then where it is

	in       *bufio.Reader
	aside    Aside
	log      logrus.FieldLogger
	rejected atomic.Uint64
	left     atomic.Uint64
	events   chan event.Event
	err      error // why events was closed
}

// NewLines returns a source that Run reads from in.
func NewLines(in io.Reader, aside Aside, log logrus.FieldLogger) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), aside: aside, log: log, events: make(chan event.Event)}
}

// Run reads until the input or ctx ends. A read from a terminal or a pipe cannot be interrupted: after the end of ctx, Run
// returns with the next line.
func (l *Lines) Run(ctx context.Context) {
	defer close(l.events)
	for l.err == nil {
		var events []event.Event
		events, l.err = l.chunk()
		if l.Journal != nil {
			var err error
			if events, err = l.Journal.Read(events, l.At); err != nil {
				l.err = err
				return
			}
		}
		for _, e := range events {
			select {
			case l.events <- e:
			case <-ctx.Done():
				l.err = context.Cause(ctx)
				return
			}
		}
	}
}

// chunk reads the next event, or as many as a journal is told of at a time.
func (l *Lines) chunk() (events []event.Event, err error) {
	bytesLeft, eventsLeft := 0, 1
	if l.Journal != nil {
		bytesLeft, eventsLeft = chunkBytes, chunkEvents
	}
	for err == nil && len(events) < eventsLeft {
		var line []byte
		if line, err = l.readLine(); len(line) > 0 {
			l.At.Lines++
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if e, invalid := l.check(line); invalid != nil {
				l.reject(line, invalid)
			} else {
				events = append(events, e)
				l.At.Events++
			}
		}
		bytesLeft -= len(line)
		if l.Journal != nil && (bytesLeft <= 0 || l.At.Bytes == l.Journal.Mark()) {
			break
		}
	}
	return events, err
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

// Left is the number of rejected lines that are nowhere but in the input: they are longer than MaxBytes, or could not be
// put aside.
func (l *Lines) Left() uint64 { return l.left.Load() }

func (l *Lines) reject(line []byte, reason error) {
	l.rejected.Add(1)
	log := l.log.WithField("line", l.At.Lines)
	var err error
	if len(line) > MaxBytes { // it was cut
		err = errors.New("only its beginning was read")
	} else {
		err = l.aside.Write([]event.Event{{JSON: line}})
	}
	if err != nil {
		l.left.Add(1)
		log = log.WithField("not_put_aside", err.Error())
	}
	log.WithError(reason).Error("input line rejected, it is not put")
}

// readLine returns the next line. A line that is too large is cut, but is still larger than MaxBytes.
func (l *Lines) readLine() (line []byte, err error) {
	for {
		part, err := l.in.ReadSlice('\n')
		l.At.Bytes += int64(len(part))
		if len(line) <= MaxBytes {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err != nil && !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read input line %d: %w", l.At.Lines+1, err)
			}
			return line, err
		}
	}
}

func (l *Lines) check(line []byte) (e event.Event, err error) {
	var id identity.ID
	if l.Identity != nil {
		id, line = l.Identity(line)
	}
	line = bytes.TrimSpace(line)
	if len(line) > MaxBytes {
		return event.Event{}, fmt.Errorf("larger than the largest record of any stream (%d bytes)", MaxBytes)
	}
	e, err = event.Parse(line)
	e.ID = id
	return e, err
}
