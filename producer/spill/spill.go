// Package spill keeps the events that could not be put, until they are put later.
//
// The file holds one event per line, as it would have gone over the wire. Any number of producers may append to
// one file while another process takes it over with [Take]: an event is then either in what was taken, or in the
// file that replaces it. Nothing is removed but by the taker, once it has put everything.
package spill

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"example.com/callevents/shared/event"
)

// File is the place to spill to. It is created with the first event. Safe for concurrent use.
type File struct{ path string }

// NewFile returns an error if events could not be spilled to path, now rather than when it matters.
func NewFile(path string) (*File, error) {
	probe, err := os.CreateTemp(filepath.Dir(path), ".spill-probe-*")
	if err != nil {
		return nil, fmt.Errorf("spill file %s cannot be written: %w", path, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, fmt.Errorf("remove probe of spill file: %w", err)
	}
	return &File{path}, nil
}

// Write appends the events and returns when they are on disk. After an error none of them is.
func (f *File) Write(events []event.Event) error {
	var lines bytes.Buffer
	for _, e := range events {
		lines.Write(bytes.TrimRight(e.JSON, "\r\n"))
		lines.WriteByte('\n')
	}
	file, err := f.lock()
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	if err := errors.Join(appendAll(file, lines.Bytes()), file.Close()); err != nil { // closing gives up the lock
		return fmt.Errorf("spill: %w", err)
	}
	return nil
}

// appendAll appends the lines and forces them to disk, or leaves the file as it was. A line that the death of a process
// has cut short is ended first, so that the next one is no part of it.
func appendAll(file *os.File, lines []byte) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	last := make([]byte, 1)
	if n, _ := file.ReadAt(last, info.Size()-1); n == 1 && last[0] != '\n' {
		lines = append([]byte{'\n'}, lines...)
	}
	if _, err = file.Write(lines); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Truncate(info.Size()))
	}
	return nil
}

// lock opens the file and locks it. If somebody took the file over in between, there is a new one to open.
func (f *File) lock() (*os.File, error) {
	for {
		file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			file.Close()
			return nil, err
		}
		opened, err := file.Stat()
		if err != nil {
			file.Close()
			return nil, err
		}
		if current, err := os.Stat(f.path); err == nil && os.SameFile(opened, current) {
			return file, nil
		}
		file.Close()
	}
}
