package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/source"
)

func call(id string) string { return fmt.Sprintf(`{"event":{"property":{"call_id":"%s"}}}`, id) }

// read returns the call_ids of all events, the numbers of all rejected lines, and the error at the end.
func read(t *testing.T, in io.Reader, maxBytes int) (ids []string, rejected []any, end error) {
	t.Helper()
	log, hook := test.NewNullLogger()
	lines := source.NewLines(in, maxBytes, log)
	go lines.Run(t.Context())
	for {
		e, err := lines.Next(t.Context())
		if err != nil {
			for _, entry := range hook.AllEntries() {
				rejected = append(rejected, entry.Data["line"])
			}
			if uint64(len(rejected)) != lines.Rejected() {
				t.Errorf("%d rejections logged, %d counted", len(rejected), lines.Rejected())
			}
			return ids, rejected, err
		}
		if e.CallID == "" || !bytes.Contains(e.JSON, []byte(e.CallID)) || bytes.Contains(e.JSON, []byte("\n")) {
			t.Errorf("event %q with call_id %q", e.JSON, e.CallID)
		}
		ids = append(ids, e.CallID)
	}
}

func TestGoodLinesComeOutAndBadOnesAreNamed(t *testing.T) {
	input := call("a") + "\n\n  \r\n" + call("b") + "\r\n{\"event\":\nnot json\n" + call("") + "\n" + call("c")
	ids, rejected, err := read(t, strings.NewReader(input), 1<<20)
	if fmt.Sprint(ids) != "[a b c]" || fmt.Sprint(rejected) != "[5 6 7]" || !errors.Is(err, io.EOF) {
		t.Errorf("events %v, rejected lines %v, end %v", ids, rejected, err)
	}
}

func TestSizeIsCheckedWithThePartitionKey(t *testing.T) {
	fits, long := call("abcd"), strings.Repeat("x", 200<<10)
	for maxBytes, want := range map[int]string{len(fits) + 4: "[1 3] [abcd e]", len(fits) + 3: "[1 2 3] [e]"} {
		ids, rejected, err := read(t, strings.NewReader(call(long)+"\n"+fits+"\n"+long+"\n"+call("e")+"\n"), maxBytes)
		if got := fmt.Sprint(rejected, ids); got != want || !errors.Is(err, io.EOF) {
			t.Errorf("at %d bytes: %s (%v), want %s", maxBytes, got, err, want)
		}
	}
}

func TestAReadErrorEndsTheSource(t *testing.T) {
	broken := errors.New("disk on fire")
	ids, _, err := read(t, io.MultiReader(strings.NewReader(call("a")+"\n"), iotest.ErrReader(broken)), 1<<20)
	if len(ids) != 1 || !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%d events, then %v", len(ids), err)
	}
}

func TestNextDoesNotWaitLongerThanItsContext(t *testing.T) {
	silent, _ := io.Pipe()
	defer silent.Close()
	lines := source.NewLines(silent, 1<<20, logrus.New())
	go lines.Run(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lines.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(call("a") + "\n" + call("b")))
	f.Add([]byte("\n\r\n{}\nnull"))
	f.Fuzz(func(t *testing.T, in []byte) {
		ids, rejected, err := read(t, bytes.NewReader(in), 1<<10)
		lines := 0
		for line := range bytes.Lines(in) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if len(ids)+len(rejected) != lines || !errors.Is(err, io.EOF) {
			t.Fatalf("%d events and %d rejections from %d lines, end %v", len(ids), len(rejected), lines, err)
		}
	})
}
