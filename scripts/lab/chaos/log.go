package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"

	"example.com/callevents/shared/testenv/children"
)

// logFile keeps what one program prints over all its restarts, and counts the lines that say something.
type logFile struct {
	mu    sync.Mutex
	file  *os.File
	lines children.Lines
	last  string // the last line, for people
}

func newLogFile(name, path string, counts *logCounts) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &logFile{file: file}
	l.lines.Each = func(line string) error {
		l.last = line
		counts.add(name, line)
		return nil
	}
	return l, nil
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.lines.Write(b)
	return l.file.Write(b)
}

func (l *logFile) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// logCounts counts what stands in the logs of all programs.
type logCounts struct {
	mu       sync.Mutex
	adopted  int
	fenced   int
	restored int            // dead letters
	errors   map[string]int // messages at level error: a person must act on them
	bad      []string       // lines that must never be there
}

var (
	message = regexp.MustCompile(`msg="([^"]*)"|msg=(\S+)`)
	never   = []string{"DATA RACE", "panic:", "fatal error:", "stopped by a panic", "dead letters incomplete",
		"records are lost", "records lost", "checkpoint outside a lease"}
)

func (c *logCounts) add(program, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.Contains(line, "link of another writer adopted"):
		c.adopted++
	case strings.Contains(line, "dead letters restored"):
		c.restored++
	case strings.Contains(line, `msg="lease lost"`) && strings.Contains(line, "reason=fenced"):
		c.fenced++
	}
	if strings.Contains(line, "level=error") {
		if m := message.FindStringSubmatch(line); m != nil {
			c.errors[m[1]+m[2]]++
		}
	}
	for _, text := range never {
		if strings.Contains(line, text) {
			c.bad = append(c.bad, program+": "+line)
			return
		}
	}
}
