package main_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// Everything that is wrong is said at once, and the exit code tells wrong flags from a failed run.
func TestWrongFlags(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want []string
	}{
		"many": {
			args: []string{"--prefix", "x", "--compression", "rar", "--lease-duration", "10ms", "--log-level", "loud", "--start", "tomorrow"},
			want: []string{`--prefix "x"`, `--compression "rar"`, "--lease-duration 10ms", "--sync-interval 1s", `--log-level "loud"`, `--start "tomorrow"`},
		},
		"future start":        {args: []string{"--start", "2999-01-01T00:00:00Z"}, want: []string{"not in the future"}},
		"overlapping":         {args: []string{"--errors-prefix", "mandir-event-records/errors/"}, want: []string{"neither may contain the other"}},
		"too large an object": {args: []string{"--flush-bytes", "65MiB"}, want: []string{"1B to 64MiB"}},
		"not ASCII":           {args: []string{"--prefix", "événements/"}, want: []string{"printable ASCII"}},
		"environment":         {env: []string{"CALLEVENTS_FLUSH_INTERVAL=1ms"}, want: []string{"--flush-interval 1ms"}},
		"redrive":             {args: []string{"redrive", "--reason", "mood", "--day", "today"}, want: []string{`--reason "mood"`, `--day "today"`}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), tc.args...)
			cmd.Env = append(cmd.Environ(), tc.env...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("ended with %v, want exit code 2", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("does not say %q:\n%s", want, out)
				}
			}
		})
	}
}
