// Package ledger keeps a list of the acknowledged records, so that a run can be verified.
//
// The file is CSV without a header, one line per record: call_id, shard id, sequence number, and, if any of the
// record's sends before had an unknown outcome, how many: so many copies of it may be in the stream besides.
//
// Each answer of Kinesis is appended before anything else is done with it, and each append is one write to the file. So
// SIGKILL costs no line of a call whose answer was taken. At most the records of the calls that were in flight are in the
// stream without being here: 500 for each of --in-flight, with --aggregate the events of 4 MiB of containers. Only
// [File.Close] forces the lines to disk; a crash of the machine may cost the last half minute or so, whatever its
// operating system keeps in memory.
package ledger

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Entry is one acknowledged record.
type Entry struct {
	CallID, ShardID, SequenceNumber string

	Unknown int // sends before, of which it is not known whether they put the record too
}

// File is a ledger on disk. One goroutine may use it at a time.
type File struct {
	file *os.File
	buf  bytes.Buffer
}

// Open opens the ledger for appending and creates it if it is absent. A last line that a crash of the machine cut
// short is removed.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
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

// Append writes the entries at once. It is not atomic if the disk fills up.
func (f *File) Append(entries []Entry) error {
	f.buf.Reset()
	lines := csv.NewWriter(&f.buf)
	for _, e := range entries {
		line := []string{e.CallID, e.ShardID, e.SequenceNumber}
		if e.Unknown > 0 {
			line = append(line, strconv.Itoa(e.Unknown))
		}
		_ = lines.Write(line) // a buffer takes everything
	}
	lines.Flush()
	_, err := f.file.Write(f.buf.Bytes())
	return err
}

// Close forces the ledger to disk.
func (f *File) Close() error { return errors.Join(f.file.Sync(), f.file.Close()) }
