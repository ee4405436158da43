package spill_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/callevents/producer/spill"
	"example.com/callevents/shared/event"
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

func take(t *testing.T, path string) (*spill.Taken, string) {
	t.Helper()
	taken, err := spill.Take(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(taken)
	if err != nil {
		t.Fatal(err)
	}
	return taken, string(text)
}

func TestWhatWasSpilledIsTakenOnceAllIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{"n":1}`, "{\"n\":2}\r\n")
	spilled(t, path, `{"n":3}`)
	taken, text := take(t, path)
	if text != "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n" {
		t.Errorf("took %q", text)
	}
	spilled(t, path, `{"n":4}`) // while the others are being sent
	if err := taken.Close(); err != nil {
		t.Fatal(err) // the taker died: its work is not lost
	}
	again, text := take(t, path)
	if !strings.HasSuffix(text, "{\"n\":3}\n") {
		t.Errorf("the unfinished file was not taken first: %q", text)
	}
	if err := again.Remove(); err != nil {
		t.Fatal(err)
	}
	last, text := take(t, path)
	if text != "{\"n\":4}\n" {
		t.Errorf("took %q", text)
	}
	if err := last.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := spill.Take(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("took something from nothing: %v", err)
	}
}

func TestATakerThatDiedBetweenItsTwoNamesLeavesNothingTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{"n":1}`)
	if err := os.Link(path, path+".sending"); err != nil {
		t.Fatal(err)
	}
	taken, _ := take(t, path)
	if err := taken.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the events are still there: %v", err)
	}
}

func TestTwoTakersDoNotShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill.ndjson")
	spilled(t, path, `{}`)
	taken, _ := take(t, path)
	defer taken.Close()
	if _, err := spill.Take(t.Context(), path); !errors.Is(err, spill.ErrInUse) {
		t.Errorf("the second taker got %v", err)
	}
}

// Writers and takers at the same time: every event is taken exactly once.
func TestNothingIsLostBetweenWritersAndTakers(t *testing.T) {
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
			last = true // one more round takes what is left
		default:
		}
		taken, err := spill.Take(t.Context(), path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(taken); lines.Scan(); {
			seen[lines.Text()]++
		}
		if err := taken.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%s was taken %d times", line, n)
		}
	}
	if len(seen) != writers*each {
		t.Errorf("%d events taken of %d", len(seen), writers*each)
	}
}

func TestAPlaceThatCannotBeWrittenIsRefusedAtOnce(t *testing.T) {
	if _, err := spill.NewFile(filepath.Join(t.TempDir(), "absent", "spill.ndjson")); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("NewFile in an absent folder: %v", err)
	}
}
