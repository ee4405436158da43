package spill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// ErrInUse is the error of a Take while another process puts what it has taken.
var ErrInUse = errors.New("another process is putting it right now")

// Pauses and their number while a taker waits for the last writer, which holds its lock for one write.
const (
	lockPause    = 50 * time.Millisecond
	lockAttempts = 20
)

// Taken is a spill file that was taken over, to be read from its beginning.
type Taken struct{ *os.File }

// Take takes over what was spilled to path, by giving the file another name: path with ".sending" appended. What an
// earlier taker left unfinished comes first. An error that is fs.ErrNotExist means that there is nothing.
//
// A writer that has opened the file before it lost its name either has the lock, and Take waits until its lines are
// there, or gets it later, and finds that the name belongs to no file or to another one.
func Take(ctx context.Context, path string) (*Taken, error) {
	sending := path + ".sending"
	// A link, since a renaming could replace what another taker has just taken. Dying after it leaves both names, for
	// the next taker to see.
	if err := os.Link(path, sending); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("take spill file: %w", err)
	}
	file, err := os.Open(sending)
	if err != nil {
		return nil, fmt.Errorf("take spill file: %w", err)
	}
	if err := errors.Join(dropName(path, file), lock(ctx, file)); err != nil {
		return nil, errors.Join(fmt.Errorf("take spill file %s: %w", sending, err), file.Close())
	}
	return &Taken{file}, nil
}

// Remove is for when every event has been put, or spilled anew.
func (t *Taken) Remove() error { return errors.Join(os.Remove(t.Name()), t.Close()) }

// dropName removes path if it is a name of file.
func dropName(path string, file *os.File) error {
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	taken, err := file.Stat()
	if err != nil || !os.SameFile(named, taken) {
		return err
	}
	return os.Remove(path)
}

func lock(ctx context.Context, file *os.File) error {
	for range lockAttempts {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return ErrInUse
}
