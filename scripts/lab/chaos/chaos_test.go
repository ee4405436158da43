package main_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv/children"
)

const script = "../../chaos.sh"

// Every kind of fault comes at least once, in about a minute. The patience is long: a slow machine is no stall.
func TestNothingIsLostOrRepeatedUnderEveryKindOfFault(t *testing.T) {
	out := run(t, "--seed", "1", "--seconds", "45", "--patience", "60s")
	list, err := exec.Command(script, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range strings.Fields(string(list)) {
		if !regexp.MustCompile(`(?m)^` + kind + ` +[1-9]`).MatchString(out) {
			if skipped := regexp.MustCompile(`(?m)^` + kind + ` never came: .*`).FindString(out); skipped != "" {
				t.Log(skipped)
			} else {
				t.Errorf("%s never came, and nothing says why", kind)
			}
		}
	}
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	path, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	child, err := children.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	if err := child.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	t.Log(out.String())
	return out.String()
}
