package main_test

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv/children"
)

// The smallest benchmark reads every record with all contestants. The figures do not matter here.
func TestAllConsumersReadEverything(t *testing.T) {
	t.Parallel()
	out := bench(t, "consume", "--records", "1000", "--runs", "1")
	for _, consumer := range []string{"ours, default", "ours, --shard-read-bytes 0", "stock", "bare GetRecords loop"} {
		if !regexp.MustCompile(`\| ` + consumer + ` +\| \d`).MatchString(out) {
			t.Errorf("no figures of %s in\n%s", consumer, out)
		}
	}
}

// Seen to fail when the program that verifies was looked for where no program is, which a soak of hours found at its end.
func TestASoakEndsWithItsVerification(t *testing.T) {
	t.Parallel()
	if out := bench(t, "soak", "--soak", "6s"); !strings.Contains(out, "all is well") {
		t.Error(out)
	}
}

func bench(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("../../bench.sh", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	child, err := children.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, child.Kill)()
	if err := child.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}
