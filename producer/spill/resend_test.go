package spill_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/callevents/producer/spill"
)

// Many resends at a time: each event is read by one of them. Before, a resend could get the lock of a file that another
// one had just sent and removed (seen: "0 was read 5 times").
func TestManyResendsAtATimeReadEachEventOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	const files, resends = 300, 6
	var mu sync.Mutex
	seen := map[string]int{}
	var writer, all sync.WaitGroup
	written := make(chan struct{})
	writer.Go(func() {
		for n := range files {
			spilled(t, path, fmt.Sprint(n))
		}
		close(written)
	})
	for range resends {
		all.Go(func() {
			for last := false; !last; {
				select {
				case <-written:
					last = true
				default:
				}
				resend, err := spill.OpenResend(t.Context(), path)
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, spill.ErrInUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for lines := bufio.NewScanner(resend); lines.Scan(); {
					seen[lines.Text()]++
				}
				mu.Unlock()
				if err := resend.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writer.Wait()
	all.Wait()
	if rest, err := spill.OpenResend(t.Context(), path); err == nil {
		for lines := bufio.NewScanner(rest); lines.Scan(); {
			seen[lines.Text()]++
		}
		rest.Close()
	}
	for n := range files {
		if times := seen[fmt.Sprint(n)]; times != 1 {
			t.Errorf("%d was read %d times", n, times)
		}
	}
}

// A file of another owner, which the kernel allows nobody else to link, as it allows no links at all on some file
// systems. Before, it could not be resent (seen: "link ...: operation not permitted").
func TestAFileThatCannotBeLinkedIsResent(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to somebody else")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "spill.ndjson")
	if err := errors.Join(os.Chmod(filepath.Dir(folder), 0o755), os.Chmod(folder, 0o777), os.WriteFile(path, []byte("{}\n"), 0o600), os.Chown(path, 1, 1), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and its user with it
		syscall.RawSyscall(syscall.SYS_SETFSUID, 12345, 0, 0)
		resend, err := spill.OpenResend(t.Context(), path)
		if err != nil {
			failed <- err
			return
		}
		text, err := io.ReadAll(resend)
		if string(text) != "{}\n" {
			err = errors.Join(err, fmt.Errorf("read %q", text))
		}
		failed <- errors.Join(err, resend.Remove())
	}()
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// A file that is there and cannot be written is an error at the start. Before, NewFile looked at the folder alone, and the
// events were lost hours later.
func TestAFileThatIsThereAndCannotBeWrittenIsAnErrorAtOnce(t *testing.T) {
	folder := t.TempDir()
	directory, busy := filepath.Join(folder, "directory"), filepath.Join(folder, "busy")
	program, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skip(err)
	}
	if err := errors.Join(os.Mkdir(directory, 0o700), os.WriteFile(busy, program, 0o700)); err != nil {
		t.Fatal(err)
	}
	running := exec.Command(busy, "60") // a program that runs cannot be written, not even by root
	if err := running.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = running.Process.Kill(); _ = running.Wait() }()
	for _, path := range []string{directory, busy} {
		if _, err := spill.NewFile(path); err == nil || !strings.Contains(err.Error(), "cannot be written") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSpilledEventsAreForTheirOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{}`)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
