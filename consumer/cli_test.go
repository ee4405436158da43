package main_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	main "example.com/callevents/consumer"
	"example.com/callevents/shared/testenv"
)

// configuration writes a file for --config.
func configuration(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "consumer.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A mistake in the file is reported as one in a flag, by each command with its exit code for that. A file for a run serves
// the other commands, too.
func TestEachCommandReadsTheConfigurationFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wrong := configuration(t, "lease-durations: 5s\nlog-level: loud\nbucket-owner: me\n")
	right := configuration(t, "flush-interval: 5s\nlease-duration: 3s\nerrors-prefix: nowhere/\n")
	for command, is := range map[string]struct {
		wrong, right int
		says         string // of the right one
	}{
		"verify": {3, 2, ""}, "redrive": {2, 1, "no dead letters in s3://" + r.args[5] + "/nowhere/"},
	} {
		code, _, errOut := r.command(t, command, "--config", wrong)
		if code != is.wrong || !strings.Contains(errOut, "consumer.yaml:1: lease-durations is no flag, the nearest one is lease-duration") {
			t.Errorf("%s: ended with %d\n%s", command, code, errOut)
		}
		if code, _, errOut = r.command(t, command, "--config", right); code != is.right || !strings.Contains(errOut, is.says) {
			t.Errorf("%s: ended with %d\n%s", command, code, errOut)
		}
	}
	c := r.start(t, "--config", right)
	testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
	if !c.Running() {
		t.Error(c.all())
	}
}

// The health check of a container finds the address where the consumer found it. Seen to fail when it had a parser of its own.
func TestHealthReadsTheConfigurationFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.args = nil
	r.env = []string{"CALLEVENTS_CONFIG=" + configuration(t, "http: 127.0.0.1:1\nlease-duration: 3s\n")}
	if code, _, errOut := r.command(t, "health"); code != 1 || !strings.Contains(errOut, "127.0.0.1:1") {
		t.Errorf("ended with %d: %s", code, errOut)
	}
}

func TestVersionAndCompletionOfEachCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.args = nil
	for _, command := range []string{"--version", "verify", "redrive", "forget-location", "check", "health"} {
		code, out, errOut := r.command(t, command, "--version")
		if code != 0 || !strings.HasPrefix(out, "consumer ") || !strings.Contains(out, " commit ") || !strings.Contains(out, " go1.") {
			t.Errorf("%s: ended with %d: %s%s", command, code, out, errOut)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, out, errOut := r.command(t, "completion", shell)
		for _, word := range []string{"forget-location", "check", "flush-interval", "allow-unchecked"} {
			if code != 0 || !strings.Contains(out, word) {
				t.Errorf("%s: ended with %d and lacks %s\n%s", shell, code, word, errOut)
			}
		}
	}
}

// Seen to fail with a value that the flag does not take.
func TestTheValuesThatShellsOfferAreTaken(t *testing.T) {
	t.Parallel()
	offered := 0
	for _, field := range reflect.VisibleFields(reflect.TypeFor[main.Config]()) {
		for _, value := range strings.Split(field.Tag.Get("values"), ",") {
			if value == "" {
				continue
			}
			offered++
			flag := "--" + strings.ToLower(strings.ReplaceAll(field.Name, "Log", "log-"))
			if _, err := main.Parse(flag, value); err != nil {
				t.Errorf("%s %s: %v", flag, value, err)
			}
			if _, err := main.Parse(flag, value+"x"); err == nil {
				t.Errorf("%s takes %sx, too", flag, value)
			}
		}
	}
	if offered < 10 {
		t.Errorf("only %d values are offered", offered)
	}
}
