// Package ledger lists the acknowledged records in a file, so that a run can be verified.
//
// The file is CSV without a header, with one line per record: call_id, shard id, sequence number. A fourth field follows
// if earlier attempts to put the record had an unknown outcome: their number. The stream may have as many further copies. A
// record that has an identity has a fifth field, too: the consumer stores one copy of it.
//
// The sender appends each answer of Kinesis before it does anything else with it, and each append is one write to the
// file. So SIGKILL loses no line of an answer that the sender has received. The records of the calls in flight may be in
// the stream and not in the ledger: at most 500 for each of --in-flight, or with --aggregate the events of 4 MiB of
// containers. Only [File.Close] forces the lines to disk: a crash of the machine loses what its operating system still
// keeps in memory, about the last half minute.
package ledger

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"example.com/callevents/producer/private"
	"example.com/callevents/shared/identity"
)

// Line is one acknowledged record.
type Line struct {
	CallID, ShardID, SequenceNumber string

	Unknown int         // earlier attempts with unknown outcome, one for all of a former run: each may have put a copy
	ID      identity.ID // may be none
}

// File is a ledger on disk. One goroutine may use it at a time.
type File struct {
	file *os.File
	buf  bytes.Buffer
}

// Open opens the ledger for appending, and creates it if it is absent. If a crash of the machine has cut the last line
// short, Open removes that line.
func Open(path string) (*File, error) {
	file, err := private.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := removeCutLine(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	return &File{file: file}, nil
}

func removeCutLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	tail := make([]byte, min(info.Size(), 4096)) // longer than any line
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	keep := info.Size() - int64(len(tail)) + int64(bytes.LastIndexByte(tail, '\n')+1)
	if keep == info.Size() {
		return nil
	}
	return file.Truncate(keep)
}

// Append writes the lines at once. If the disk is full, some of them may be in the file all the same.
func (f *File) Append(lines []Line) error {
	f.buf.Reset()
	out := csv.NewWriter(&f.buf)
	for _, l := range lines {
		fields := []string{l.CallID, l.ShardID, l.SequenceNumber}
		if l.Unknown > 0 || !l.ID.None() {
			fields = append(fields, strconv.Itoa(l.Unknown))
		}
		if !l.ID.None() {
			fields = append(fields, l.ID.Key(false))
		}
		_ = out.Write(fields) // a buffer accepts everything
	}
	out.Flush()
	_, err := f.file.Write(f.buf.Bytes())
	return err
}

// Close forces the ledger to disk.
func (f *File) Close() error { return errors.Join(f.file.Sync(), f.file.Close()) }
