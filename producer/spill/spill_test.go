package spill_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/callevents/producer/spill"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/identity"
)

func spilled(t *testing.T, path string, lines ...string) {
	t.Helper()
	file, err := spill.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	for _, line := range lines {
		events = append(events, event.Event{JSON: []byte(line)})
	}
	if err := file.Write(events); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) (*spill.Resend, string) {
	t.Helper()
	resend, err := spill.OpenResend(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resend)
	if err != nil {
		t.Fatal(err)
	}
	return resend, string(text)
}

func TestASpillFileIsRemovedOnceAllIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{"n":1}`, "{\"n\":2}\r\n")
	spilled(t, path, `{"n":3}`)
	resend, text := open(t, path)
	if text != "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n" {
		t.Errorf("the file has %q", text)
	}
	spilled(t, path, `{"n":4}`) // while the others are being sent
	if err := resend.Close(); err != nil {
		t.Fatal(err) // the resend died: its events are not lost
	}
	again, text := open(t, path)
	if !strings.HasSuffix(text, "{\"n\":3}\n") {
		t.Errorf("the unfinished file did not come first: %q", text)
	}
	if err := again.Remove(); err != nil {
		t.Fatal(err)
	}
	last, text := open(t, path)
	if text != "{\"n\":4}\n" {
		t.Errorf("the file has %q", text)
	}
	if err := last.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := spill.OpenResend(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened a file that is not there: %v", err)
	}
}

func TestAResendThatDiedBetweenItsTwoNamesLeavesNothingTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{"n":1}`)
	if err := os.Link(path, path+".sending"); err != nil {
		t.Fatal(err)
	}
	resend, _ := open(t, path)
	if err := resend.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the events are still there: %v", err)
	}
}

// A write that the disk has no room for leaves nothing, not even a cut line: it would spoil the next event. The limit on
// the size of files is the process's: the test runs in one of its own, or it would strike the test log as well.
func TestAFailedWriteLeavesNothing(t *testing.T) {
	if os.Getenv("SPILL_LIMIT") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAFailedWriteLeavesNothing$")
		cmd.Env = append(os.Environ(), "SPILL_LIMIT=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{"n":1}`)
	file, err := spill.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20, Max: unlimited.Max}); err != nil {
		t.Fatal(err)
	}
	err = file.Write([]event.Event{{JSON: []byte(`{"n":2}`)}, {JSON: []byte(`{"n":3}`)}})
	if restored := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited); err == nil || restored != nil {
		t.Fatalf("Write beyond the limit: %v; limit restored: %v", err, restored)
	}
	spilled(t, path, `{"n":4}`)
	resend, text := open(t, path)
	defer resend.Close()
	if text != "{\"n\":1}\n{\"n\":4}\n" {
		t.Errorf("the file has %q", text)
	}
}

// A line that was cut short stays so, but the next one is a line of its own.
func TestACutLineSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	if err := os.WriteFile(path, []byte("{\"n\":1}\n{\"n"), 0o600); err != nil {
		t.Fatal(err)
	}
	spilled(t, path, `{"n":2}`)
	resend, text := open(t, path)
	defer resend.Close()
	if !strings.HasSuffix(text, "\n{\"n\":2}\n") {
		t.Errorf("the file has %q", text)
	}
}

func TestTwoResendsDoNotShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{}`)
	resend, _ := open(t, path)
	defer resend.Close()
	if _, err := spill.OpenResend(t.Context(), path); !errors.Is(err, spill.ErrInUse) {
		t.Errorf("the second resend got %v", err)
	}
}

// Writers and resends at the same time: every event is read exactly once.
func TestNothingIsLostBetweenWritersAndResends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	const writers, each = 4, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				spilled(t, path, fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	seen := map[string]int{}
	for last := false; !last; {
		select {
		case <-finished:
			last = true // one more round reads the rest
		default:
		}
		resend, err := spill.OpenResend(t.Context(), path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(resend); lines.Scan(); {
			seen[lines.Text()]++
		}
		if err := resend.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%s was read %d times", line, n)
		}
	}
	if len(seen) != writers*each {
		t.Errorf("%d events read of %d", len(seen), writers*each)
	}
}

func TestAFileThatCannotBeWrittenIsAnErrorAtOnce(t *testing.T) {
	if _, err := spill.NewFile(filepath.Join(t.TempDir(), "absent", "spill.ndjson")); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("NewFile in an absent folder: %v", err)
	}
}

// A line without an identity is one of a former version. Seen to fail with an event that begins like an identity.
func TestALineHasAnIdentityOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	file, err := spill.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := identity.ID{Lane: identity.Lane{Run: 1, Word: 2}, Number: 3}
	if err := file.Write([]event.Event{{JSON: []byte(`{"n":1}`), ID: id}, {JSON: []byte(`{"n":"~1.1.2.3\t"}`)}, {JSON: []byte("\t{}")}}); err != nil {
		t.Fatal(err)
	}
	resend, text := open(t, path)
	defer resend.Close()
	var ids []identity.ID
	var events []string
	for line := range strings.Lines(text) {
		id, event := spill.Identity([]byte(line))
		ids, events = append(ids, id), append(events, strings.TrimSpace(string(event)))
	}
	if !slices.Equal(ids, []identity.ID{id, {}, {}}) || !slices.Equal(events, []string{`{"n":1}`, `{"n":"~1.1.2.3\t"}`, "{}"}) {
		t.Errorf("%v %q", ids, events)
	}
}
