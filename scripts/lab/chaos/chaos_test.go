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
	everyKind(t, "--seed", "1", "--seconds", "45", "--patience", "60s")
}

// What a subscription can meet, with some of the other faults.
func TestNothingIsLostOrRepeatedUnderFaultsOfFanOut(t *testing.T) {
	everyKind(t, "--seed", "1", "--seconds", "20", "--patience", "60s", "--read", "fan-out",
		"--only", "subscription-cut,subscription-silent,take-over,kill,zombie,terminate,split,kinesis-restart,s3-half-open")
}

// everyKind wants each kind that the run may inject to have come.
func everyKind(t *testing.T, args ...string) {
	t.Helper()
	out := run(t, args...)
	list, err := exec.Command(script, append(args, "--list")...).Output()
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
