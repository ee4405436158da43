package status

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Terminal keeps one live line below everything else on it. Safe for concurrent use.
type Terminal struct {
	mu   sync.Mutex
	out  io.Writer
	cols int
	live string
}

// NewTerminal returns the terminal f, or nil if f is none.
func NewTerminal(f *os.File) *Terminal {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return nil
	}
	return TerminalOf(f, int(size.Col))
}

// TerminalOf returns a terminal of cols columns that writes to out.
func TerminalOf(out io.Writer, cols int) *Terminal {
	if cols < 2 {
		cols = 80
	}
	return &Terminal{out: out, cols: cols}
}

const eraseLine = "\r\x1b[K"

// Write writes p above the live line. p should end with a new line.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == "" {
		return t.out.Write(p)
	}
	if _, err := io.WriteString(t.out, eraseLine); err != nil {
		return 0, err
	}
	n, err := t.out.Write(p)
	if err == nil {
		_, err = io.WriteString(t.out, t.live)
	}
	return n, err
}

// Show replaces the live line and cuts it to the width of the terminal; "" removes it. Write errors are ignored.
func (t *Terminal) Show(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(line) >= t.cols {
		line = line[:t.cols-1]
	}
	t.live = line
	_, _ = io.WriteString(t.out, eraseLine+line)
}
