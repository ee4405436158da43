package spill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"example.com/callevents/producer/private"
	"example.com/callevents/shared/wait"
)

// ErrInUse is the error of OpenResend while another process resends.
var ErrInUse = errors.New("another process resends it right now")

// A writer holds the lock of the file for one write. OpenResend waits that long for it.
const (
	lockPause   = 50 * time.Millisecond
	lockTimeout = time.Minute
)

// Resend is a spill file whose events are being put, to be read from its beginning. Nobody writes to it, and nobody else
// resends.
type Resend struct {
	*os.File
	turn *os.File // the lock that one resend at a time has
}

// OpenResend renames the spill file, so that writers begin a new one, and opens it: its name is the path with ".sending"
// appended. If an earlier resend did not finish, its file comes first. The error is fs.ErrNotExist if nothing was
// spilled, and ErrInUse while another process resends.
//
// A writer may have opened the file before. If it has the lock, OpenResend waits until its lines are in the file. If it
// gets the lock later, it sees that the path is that of another file or of none, and opens that one.
func OpenResend(ctx context.Context, path string) (*Resend, error) {
	turn, err := takeTurn(path + ".resending")
	if err != nil {
		return nil, fmt.Errorf("open spill file %s: %w", path, err)
	}
	r := &Resend{turn: turn}
	if r.File, err = openSending(ctx, path, path+".sending"); err != nil {
		return nil, errors.Join(fmt.Errorf("open spill file: %w", err), r.endTurn())
	}
	return r, nil
}

// openSending is for the one process whose turn it is.
func openSending(ctx context.Context, path, sending string) (*os.File, error) {
	if _, err := os.Lstat(sending); errors.Is(err, fs.ErrNotExist) {
		// Nobody else renames. A crash after it leaves the file under its new name, for the next resend.
		if err := os.Rename(path, sending); err != nil {
			return nil, err
		}
	}
	file, err := private.Open(sending, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(removeName(path, file), lock(ctx, file)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", sending, err), file.Close())
	}
	return file, nil
}

// Remove removes the file. Call it when every event was put or spilled again. A crash before it leaves the file, and the
// next resend puts all events again.
func (r *Resend) Remove() error {
	return errors.Join(os.Remove(r.Name()), private.SyncFolder(r.Name()), r.Close())
}

// Close leaves the file to the next resend.
func (r *Resend) Close() error { return errors.Join(r.File.Close(), r.endTurn()) }

// takeTurn locks the file at path, which is there for nothing else. The owner removes it while it has the lock. So
// another process may get the lock of a file that is gone: then it takes the next one.
func takeTurn(path string) (*os.File, error) {
	for {
		file, err := private.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if isAt(path, file) {
			return file, nil
		}
		file.Close()
	}
}

func (r *Resend) endTurn() error { return errors.Join(os.Remove(r.turn.Name()), r.turn.Close()) }

// isAt reports whether path is a name of the opened file.
func isAt(path string, file *os.File) bool {
	named, err := os.Lstat(path)
	if err != nil {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(named, opened)
}

// removeName removes path if it is a name of file.
func removeName(path string, file *os.File) error {
	if !isAt(path, file) {
		return nil
	}
	return os.Remove(path)
}

func lock(ctx context.Context, file *os.File) error {
	for began := time.Now(); time.Since(began) < lockTimeout; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if err := wait.For(ctx, lockPause); err != nil {
			return err
		}
	}
	return fmt.Errorf("a producer has been writing to it for %s", lockTimeout)
}
