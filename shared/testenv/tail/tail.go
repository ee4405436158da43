// Package tail reads a file that another program appends to, as a ledger.
package tail

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
)

// File is such a file. It need not exist yet. Not safe for concurrent use.
type File struct {
	Path   string
	offset int64 // read so far
}

// Lines calls each with the lines that were added since the last call, without their ends. A line that has no end yet
// waits for the next call.
func (f *File) Lines(each func(line string)) error {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.offset += int64(len(line))
		each(line[:len(line)-1])
	}
}
