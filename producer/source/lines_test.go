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
	"example.com/callevents/shared/event"
)

func call(id string) string { return fmt.Sprintf(`{"event":{"property":{"call_id":"%s"}}}`, id) }

type aside struct {
	lines []string
	err   error
}

func (a *aside) Write(events []event.Event) error {
	for _, e := range events {
		if a.err == nil {
			a.lines = append(a.lines, strings.TrimSpace(string(e.JSON)))
		}
	}
	return a.err
}

// read returns the call_ids of all events, the numbers of all rejected lines, and the error at the end.
func read(t *testing.T, in io.Reader) (ids []string, rejected []any, end error) {
	t.Helper()
	log, hook := test.NewNullLogger()
	lines := source.NewLines(in, &aside{}, log)
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
	ids, rejected, err := read(t, strings.NewReader(input))
	if fmt.Sprint(ids) != "[a b c]" || fmt.Sprint(rejected) != "[5 6 7]" || !errors.Is(err, io.EOF) {
		t.Errorf("events %v, rejected lines %v, end %v", ids, rejected, err)
	}
}

// A rejected line is put aside as it came, unless it is longer than any record.
func TestRejectedLinesArePutAside(t *testing.T) {
	log, _ := test.NewNullLogger()
	long := call(strings.Repeat("x", source.MaxBytes))
	for name, is := range map[string]struct {
		aside aside
		want  string
		left  uint64
	}{
		"all":         {want: "[no event null]", left: 1},
		"the disk is": {aside: aside{err: errors.New("disk full")}, want: "[]", left: 3},
	} {
		t.Run(name, func(t *testing.T) {
			kept := is.aside
			lines := source.NewLines(strings.NewReader("no event\n"+long+"\n"+call("a")+"\nnull\n"), &kept, log)
			go lines.Run(t.Context())
			if e, err := lines.Next(t.Context()); e.CallID != "a" || err != nil {
				t.Errorf("Next: %v, %v", e, err)
			}
			if _, err := lines.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if fmt.Sprint(kept.lines) != is.want || lines.Left() != is.left || lines.Rejected() != 3 {
				t.Errorf("aside: %.80q; %d left, %d rejected", kept.lines, lines.Left(), lines.Rejected())
			}
		})
	}
}

func TestAReadErrorEndsTheSource(t *testing.T) {
	broken := errors.New("disk on fire")
	ids, _, err := read(t, io.MultiReader(strings.NewReader(call("a")+"\n"), iotest.ErrReader(broken)))
	if len(ids) != 1 || !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%d events, then %v", len(ids), err)
	}
}

func TestNextDoesNotWaitLongerThanItsContext(t *testing.T) {
	silent, _ := io.Pipe()
	defer silent.Close()
	lines := source.NewLines(silent, &aside{}, logrus.New())
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
		ids, rejected, err := read(t, bytes.NewReader(in))
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
