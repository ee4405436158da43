package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"

	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

// program is a running producer or consumer whose log lines appear under its name.
type program struct {
	*children.Child
	name string
}

func start(name string, s *servers.Set, binary string, args ...string) (*program, error) {
	child, err := children.StartProgram(linesOf(name), s.Endpoints().Environ(), binary, args...)
	if err != nil {
		return nil, err
	}
	return &program{child, name}, nil
}

func (p *program) stop() {
	if !p.Running() {
		return
	}
	if err := p.Stop(stopGrace); err != nil {
		say("%s: %v", p.name, err)
	}
}

// group is stopped together, so that no member takes over what another releases.
type group []*program

func (g group) stop() {
	var stopping sync.WaitGroup
	for _, p := range g {
		stopping.Go(p.stop)
	}
	stopping.Wait()
}

// running reports whether any member runs.
func (g group) running() bool {
	return slices.ContainsFunc(g, func(p *program) bool { return p.Running() })
}

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
	cmd.Env, cmd.Stdout, cmd.Stderr = s.Endpoints().Environ(), os.Stdout, os.Stderr
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

// say prints a line of our own between those of the programs, which are long and many. A terminal shows it in bold.
func say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		line = "\x1b[1m" + line + "\x1b[0m"
	}
	fmt.Fprintln(linesOf("local"), line)
}

// linesOf prints whole lines, each after a name.
func linesOf(name string) io.Writer {
	return &children.Lines{Each: func(line string) error {
		_, err := fmt.Printf("%-11s| %s\n", name, line)
		return err
	}}
}
