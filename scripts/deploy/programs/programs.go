// Package programs builds the producer and the consumer, and asks them what they take. So a file that names a flag is
// compared with the parser of the program, and not with a copy of it.
package programs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Folder is where the image has the programs.
const Folder = "/usr/local/bin/"

// patience bounds each run of a program.
const patience = time.Minute

// Program is a binary.
type Program struct {
	binary string
	help   string
}

// Main runs the tests of a package with both programs built.
func Main(m *testing.M, built *map[string]Program) {
	folder, err := os.MkdirTemp("", "callevents")
	if err == nil {
		*built, err = Build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// Build builds producer and consumer into a folder. It is called in a folder of a package two levels below scripts.
func Build(folder string) (map[string]Program, error) {
	built := map[string]Program{}
	for _, name := range []string{"producer", "consumer"} {
		p := Program{binary: filepath.Join(folder, name)}
		build := exec.Command("go", "build", "-o", p.binary, "./"+name)
		build.Dir = "../../.."
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		_, p.help = p.run(nil, "--help")
		built[name] = p
	}
	return built, nil
}

// run returns the exit code and what the program printed.
func (p Program) run(env map[string]string, args ...string) (exitCode int, out string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.command(ctx, env, args...)
	text, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// command is a run with the environment of a container: nothing of this machine's. No AWS is there.
func (p Program) command(ctx context.Context, env map[string]string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Dir = filepath.Dir(p.binary)
	cmd.Env = []string{"AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none", "AWS_ENDPOINT_URL=http://127.0.0.1:1"}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// Problems says what is wrong with a container that runs one of the programs: a command that the image does not have, a
// variable that no flag reads, or values that the program refuses.
func Problems(programs map[string]Program, command []string, env map[string]string) (wrong []string) {
	if len(command) == 0 || path.Dir(command[0])+"/" != Folder {
		return []string{"command " + strings.Join(command, " ") + ": the image has only the programs in " + Folder}
	}
	p, is := programs[path.Base(command[0])]
	if !is {
		return []string{"command " + command[0] + " is none of the programs"}
	}
	for name := range env {
		if strings.HasPrefix(name, "CALLEVENTS_") && !strings.Contains(p.help, "($"+name+")") {
			wrong = append(wrong, command[0]+" reads no variable "+name)
		}
	}
	tried := map[string]string{}
	for name, value := range env {
		tried[name] = value
	}
	tried["CALLEVENTS_START_TIMEOUT"] = "1s"
	// Nothing is there, so a run that begins ends with 1. Flags that are refused end it with 2.
	if code, out := p.run(tried, command[1:]...); code != 1 {
		wrong = append(wrong, command[0]+" "+strings.Join(command[1:], " ")+": "+out)
	}
	return wrong
}

// Default is the default of a flag that is a duration.
func (p Program) Default(flag string) (time.Duration, error) {
	found := regexp.MustCompile(`--` + flag + `="?([0-9a-z]+)`).FindStringSubmatch(p.help)
	if found == nil {
		return 0, errors.New("no flag --" + flag)
	}
	return time.ParseDuration(found[1])
}

// Grace is how long the program needs to stop in order, with some time to spare: docs/operations.md, Stopping. env is
// its environment.
func (p Program) Grace(env map[string]string) (time.Duration, error) {
	const spare = 30 * time.Second // the producer needs no more than this
	if !strings.Contains(p.help, "--lease-duration") {
		return spare, nil
	}
	if set := env["CALLEVENTS_LEASE_DURATION"]; set != "" {
		lease, err := time.ParseDuration(set)
		return lease + spare, err
	}
	lease, err := p.Default("lease-duration")
	return lease + spare, err
}
