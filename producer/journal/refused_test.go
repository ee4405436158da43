package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/callevents/producer/journal"
)

// What a person may do to the files, and what the next producer says.
func TestAnInputThatIsNotTheSameIsRefused(t *testing.T) {
	edit := func(of func(*world) string, change func(text string) string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			text, err := os.ReadFile(of(w))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(of(w), []byte(change(string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	input, file := (*world).input, (*world).journal
	for name, c := range map[string]struct {
		do   func(*testing.T, *world)
		want string // of the error; empty: none
	}{
		"nothing":          {func(*testing.T, *world) {}, ""},
		"a changed line":   {edit(input, func(s string) string { return strings.Replace(s, `"5"`, `"x"`, 1) }), "was changed"},
		"a line less":      {edit(input, func(s string) string { return s[strings.Index(s, "\n")+1:] }), "was changed"},
		"another input":    {edit(input, func(string) string { return "{}\n" }), "not the input of this journal"},
		"an empty input":   {edit(input, func(string) string { return "" }), "not the input of this journal"},
		"lines at the end": {edit(input, func(s string) string { return s + s }), ""},
		"a cut line":       {edit(file, func(s string) string { return s + `{"read":{"by` }), ""},
		"a damaged line":   {edit(file, func(s string) string { return strings.Replace(s, `"rotation"`, `"rota`, 1) }), "line 3 is damaged"},
		"no journal":       {edit(file, func(string) string { return "hello\n" }), "line 1 is damaged"},
		"another version":  {edit(file, func(s string) string { return strings.Replace(s, `"version":1`, `"version":2`, 1) }), "another version"},
		"another stream":   {edit(file, func(s string) string { return strings.Replace(s, `"stream":"stream"`, `"stream":"other"`, 1) }), "another stream, other"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t)
			w.grow(0, 100)
			l, err := w.begin()
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				l.next()
			}
			l.end(false)
			c.do(t, w)
			_, err = w.begin()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// A last line without its end may be half a line.
func TestALineThatGoesOnIsRefused(t *testing.T) {
	const cut = "no event\n" + `{"event":{"property":{"call_id":"1"}}}`
	for after, want := range map[string]string{"": "", " \n": "goes on now"} {
		w := newWorld(t, t)
		if err := os.WriteFile(w.input(), []byte(cut), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := w.begin()
		if err != nil {
			t.Fatal(err)
		}
		for l.next() {
		}
		l.end(true)
		if err := os.WriteFile(w.input(), []byte(cut+after), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = w.begin(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", after, err, want)
		}
	}
}

func TestOneProducerAtATimeHasAJournal(t *testing.T) {
	w := newWorld(t, t)
	w.grow(0, 10)
	l, err := w.begin()
	if err != nil {
		t.Fatal(err)
	}
	for l.next() { // until its reader writes no more
	}
	file, err := os.OpenFile(w.journal(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(`{"done":`); err != nil { // its owner is in the middle of a line
		t.Fatal(err)
	}
	if _, err := w.begin(); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("the second one got %v", err)
	}
	if text, err := os.ReadFile(w.journal()); err != nil || !strings.HasSuffix(string(text), `{"done":`) {
		t.Errorf("the second one has cut the journal of the first: %v", err)
	}
	l.end(false)
	for range 2 { // the cut line is gone
		if l, err = w.begin(); err != nil {
			t.Fatal(err)
		}
		for l.next() {
		}
		l.end(true)
	}
}

// A pipe cannot be read again.
func TestAnInputThatIsNoFileIsRefused(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal"), in); err == nil || !strings.Contains(err.Error(), "read again") {
		t.Errorf("%v", err)
	}
}

// A version that takes other lines for events would give other identities.
func TestAVersionThatReadsOtherEventsIsRefused(t *testing.T) {
	w := newWorld(t, t)
	w.grow(0, 100)
	l, err := w.begin()
	if err != nil {
		t.Fatal(err)
	}
	l.next()
	l.end(false)
	text, err := os.ReadFile(w.journal())
	if err != nil {
		t.Fatal(err)
	}
	was := fmt.Sprintf(`"events":%d`, len(events(0, 100)))
	if err := os.WriteFile(w.journal(), []byte(strings.Replace(string(text), was, `"events":99`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err = w.begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.lines.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "let that one finish it") {
		t.Errorf("%v", err)
	}
}
