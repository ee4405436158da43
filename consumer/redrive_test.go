package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv"
)

// A selection left over in the environment would change what a redrive puts. Seen to fail for all four.
func TestSelectionsDoNotComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), append([]string{"redrive"}, args...)...)
		cmd.Env = append(cmd.Environ(), "CALLEVENTS_REASON=mood", "CALLEVENTS_DAY=today", "CALLEVENTS_AFTER=z", "CALLEVENTS_DRY_RUN=maybe")
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := run("--log-format", "xml"); !strings.Contains(out, "xml") || strings.Contains(out, "mood") || strings.Contains(out, "today") || strings.Contains(out, "maybe") {
		t.Error(out)
	}
	help := run("--help")
	for _, name := range []string{"REASON", "DAY", "AFTER", "DRY_RUN"} {
		if strings.Contains(help, "$CALLEVENTS_"+name) {
			t.Errorf("CALLEVENTS_%s selects", name)
		}
	}
	if !strings.Contains(help, "$CALLEVENTS_ERRORS_PREFIX") {
		t.Error("where to read is no environment variable any more")
	}
}

// Seen to fail: the exit code was 0, and nothing was said.
func TestARedriveThatFindsNothingSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no object":             {nil, 1, "no dead letters in s3://"},
		"no object of that day": {[]string{"--day", "2026-11-24"}, 1, "check --bucket, --errors-prefix, --app, --day"},
		"dry":                   {[]string{"--dry-run"}, 1, "no dead letters"},
		"no slash":              {[]string{"--errors-prefix", "mandir-event-errors"}, 2, "must end with a slash"},
		"nothing is left":       {[]string{"--after", "mandir-event-errors/x"}, 0, "redrive ended"},
	} {
		if code, _, errOut := r.command(t, "redrive", tc.args...); code != tc.code || !strings.Contains(errOut, tc.says) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", name, code, tc.code, tc.says, errOut)
		}
	}
}
