package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

// program is a running producer or consumer whose log lines appear under its name.
type program struct {
	*children.Child
	name string
}

func start(name string, s *servers.Set, binary string, args ...string) (*program, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = s.Endpoints().Environ()
	out := &prefixer{name: name}
	cmd.Stdout, cmd.Stderr = out, out
	child, err := children.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &program{child, name}, nil
}

func (p *program) running() bool {
	select {
	case <-p.Ended():
		return false
	default:
		return true
	}
}

func (p *program) stop() {
	if !p.running() {
		return
	}
	if err := p.Stop(stopGrace); err != nil {
		say("%s: %v", p.name, err)
	}
}

// group is stopped together, so that no member takes over what another releases.
type group []*program

func (g group) stop() {
	stopped := make(chan struct{})
	for _, p := range g {
		go func() {
			p.stop()
			stopped <- struct{}{}
		}()
	}
	for range g {
		<-stopped
	}
}

// running says whether any member is.
func (g group) running() bool { return slices.ContainsFunc(g, (*program).running) }

// ended delivers each member when it has ended.
func (g group) ended() <-chan *program {
	ended := make(chan *program, len(g))
	for _, p := range g {
		go func() {
			<-p.Ended()
			ended <- p
		}()
	}
	return ended
}

// passThrough runs a program to its end with the terminal as its output.
func passThrough(s *servers.Set, binary string, args ...string) error {
	cmd := exec.Command(binary, args...)
	cmd.Env = s.Endpoints().Environ()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	child, err := children.Start(cmd)
	if err != nil {
		return err
	}
	err = child.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return errors.New("something is wrong, see above")
	}
	return err
}

// say prints a line of our own, beside those of the programs, which are long and many: on a terminal it stands out.
func say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		line = "\x1b[1m" + line + "\x1b[0m"
	}
	out := prefixer{name: "local"}
	fmt.Fprintln(&out, line)
}

// prefixer writes whole lines to standard output, each after a name.
type prefixer struct {
	name string
	line []byte // begun, not ended
}

func (p *prefixer) Write(b []byte) (int, error) {
	p.line = append(p.line, b...)
	for {
		end := bytes.IndexByte(p.line, '\n')
		if end < 0 {
			return len(b), nil
		}
		if _, err := fmt.Printf("%-11s| %s\n", p.name, p.line[:end]); err != nil {
			return 0, err
		}
		p.line = p.line[end+1:]
	}
}
