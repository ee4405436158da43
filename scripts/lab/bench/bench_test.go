package main_test

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"example.com/callevents/shared/testenv/children"
)

// The smallest benchmark reads every record with all contestants. The figures do not matter here.
func TestAllConsumersReadEverything(t *testing.T) {
	cmd := exec.Command("../../bench.sh", "consume", "--records", "1000", "--runs", "1")
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
	for _, consumer := range []string{"ours, default", "ours, --shard-read-bytes 0", "stock", "bare GetRecords loop"} {
		if !regexp.MustCompile(`\| ` + consumer + ` +\| \d`).Match(out.Bytes()) {
			t.Errorf("no figures of %s in\n%s", consumer, out.String())
		}
	}
}
