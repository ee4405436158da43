// Package private opens the files that hold events. Events are personal data: no other user may read the files, and no
// symbolic link of another user may lead a write elsewhere.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mode is for the owner alone.
const mode fs.FileMode = 0o600

// Open opens a file with flags of package os. A file that it creates is for its owner alone, and survives a crash of the
// machine from then on. One that is there becomes so, if it is ours. A symbolic link is an error.
func Open(path string, flags int) (*os.File, error) {
	_, err := os.Lstat(path)
	absent := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, mode)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link, name the file itself: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	if absent {
		err = SyncFolder(path)
	} else {
		err = restrict(file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// restrict takes the permissions of others away. A file of another owner stays as it is: its owner decides.
func restrict(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&^mode == 0 {
		return nil
	}
	if err := file.Chmod(info.Mode().Perm() & mode); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// SyncFolder forces to disk that path was created, renamed or removed. File systems that cannot do that are left alone.
func SyncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
