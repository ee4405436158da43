package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"

	"example.com/callevents/shared/testenv/children"
)

// program is a running producer or consumer.
type program struct {
	*children.Child
	log *logFile
}

func start(log *logFile, env []string, binary string, args ...string) (*program, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = log, log
	child, err := children.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return &program{child, log}, nil
}

func (p *program) running() bool {
	select {
	case <-p.Ended():
		return false
	default:
		return true
	}
}

// logFile keeps what the lives of one program print, and looks for lines that tell something.
type logFile struct {
	name string
	seen *lines

	mu   sync.Mutex
	file *os.File
	line []byte // begun, not ended
	last string // the last line, for people
}

func newLogFile(name, path string, seen *lines) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &logFile{name: name, seen: seen, file: file}, nil
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, b...)
	for {
		end := bytes.IndexByte(l.line, '\n')
		if end < 0 {
			break
		}
		l.last = string(l.line[:end])
		l.seen.note(l.name, l.last)
		l.line = l.line[end+1:]
	}
	return l.file.Write(b)
}

func (l *logFile) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// lines counts what stands in the logs of all programs.
type lines struct {
	mu       sync.Mutex
	adopted  int
	fenced   int
	restored int            // dead letters
	errors   map[string]int // messages at level error, which a person must act on
	bad      []string       // what must never be there
}

var (
	message = regexp.MustCompile(`msg="([^"]*)"|msg=(\S+)`)
	never   = []string{"DATA RACE", "panic:", "fatal error:", "stopped by a panic", "dead letters incomplete",
		"records are lost", "records lost", "checkpoint outside a lease"}
)

func (l *lines) note(program, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case strings.Contains(line, "link of another writer adopted"):
		l.adopted++
	case strings.Contains(line, "dead letters restored"):
		l.restored++
	case strings.Contains(line, `msg="lease lost"`) && strings.Contains(line, "reason=fenced"):
		l.fenced++
	}
	if strings.Contains(line, "level=error") {
		if m := message.FindStringSubmatch(line); m != nil {
			l.errors[m[1]+m[2]]++
		}
	}
	for _, text := range never {
		if strings.Contains(line, text) {
			l.bad = append(l.bad, program+": "+line)
			return
		}
	}
}
