// Package spill keeps the events that could not be put, until a resend puts them.
//
// The file holds one event per line, as it would have gone over the wire, after its identity and a tab if it has one. Any number of producers may append to one file
// while another process resends it, see [OpenResend]. An event is then either in the file that is resent, or in the new
// one. Only the resend removes events, after it has put all of them. A crash before leaves all of them.
package spill

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"example.com/callevents/producer/private"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/identity"
)

// File is a spill file. The first Write creates it. Safe for concurrent use.
type File struct{ path string }

// NewFile returns the spill file at path. It is an error if a Write could not succeed: the file is there and cannot be
// written, or is no file, or its folder cannot be written.
func NewFile(path string) (*File, error) {
	file, err := private.Open(path, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		err = probeFolder(path)
	} else if err == nil {
		err = errors.Join(checkRegular(file), file.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("spill file %s cannot be written: %w", path, err)
	}
	return &File{path}, nil
}

func probeFolder(path string) error {
	probe, err := os.CreateTemp(filepath.Dir(path), ".spill-probe-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func checkRegular(file *os.File) error {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	return err
}

// Write appends the events and returns when they are on disk. After an error none of them is in the file.
func (f *File) Write(events []event.Event) error {
	var lines bytes.Buffer
	for _, e := range events {
		if !e.ID.None() {
			lines.WriteString(e.ID.Key(false))
			lines.WriteByte('\t')
		}
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

// Identity takes the identity off a line, if there is one.
func Identity(line []byte) (identity.ID, []byte) {
	key, event, ok := bytes.Cut(line, []byte{'\t'})
	if !ok || len(key) > identity.MaxKeyBytes {
		return identity.ID{}, line
	}
	id, _ := identity.Parse(string(key))
	if id.None() {
		return id, line
	}
	return id, event
}

// appendAll appends the lines and forces them to disk, or leaves the file as it was. If a crash has cut the last line
// short, appendAll ends that line first; otherwise the next event would become part of it.
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

// lock opens the file and locks it. If a resend has removed the file from its path meanwhile, lock opens the next one.
func (f *File) lock() (*os.File, error) {
	for {
		file, err := private.Open(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			file.Close()
			return nil, err
		}
		if isAt(f.path, file) {
			return file, nil
		}
		file.Close()
	}
}
