package spill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"example.com/callevents/shared/wait"
)

// ErrInUse is the error of OpenResend while another process resends.
var ErrInUse = errors.New("another process resends it right now")

// OpenResend tries so often to get the lock: a writer holds it for one write.
const (
	lockPause    = 50 * time.Millisecond
	lockAttempts = 20
)

// Resend is a spill file whose events are being put, to be read from its beginning. Nobody writes to it.
type Resend struct{ *os.File }

// OpenResend removes the spill file from its path, so that writers begin a new one, and opens it under another name: the
// path with ".sending" appended. If an earlier resend did not finish, its file comes first. The error is fs.ErrNotExist
// if nothing was spilled.
//
// A writer may have opened the file before. If it has the lock, OpenResend waits until its lines are in the file. If it
// gets the lock later, it sees that the path is that of another file or of none, and opens that one.
func OpenResend(ctx context.Context, path string) (*Resend, error) {
	sending := path + ".sending"
	// A link, since a rename could replace the file of another resend. A crash now leaves both names; the next resend
	// removes the first.
	if err := os.Link(path, sending); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open spill file: %w", err)
	}
	file, err := os.Open(sending)
	if err != nil {
		return nil, fmt.Errorf("open spill file: %w", err)
	}
	if err := errors.Join(removeName(path, file), lock(ctx, file)); err != nil {
		return nil, errors.Join(fmt.Errorf("open spill file %s: %w", sending, err), file.Close())
	}
	return &Resend{file}, nil
}

// Remove removes the file. Call it when every event was put or spilled again. A crash before it leaves the file, and the
// next resend puts all events again.
func (r *Resend) Remove() error { return errors.Join(os.Remove(r.Name()), r.Close()) }

// removeName removes path if it is a name of file.
func removeName(path string, file *os.File) error {
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	opened, err := file.Stat()
	if err != nil || !os.SameFile(named, opened) {
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
		if err := wait.For(ctx, lockPause); err != nil {
			return err
		}
	}
	return ErrInUse
}
