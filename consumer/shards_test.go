package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	main "example.com/callevents/consumer"
	"example.com/callevents/consumer/fleet"
	"example.com/callevents/shared/testenv"
)

// showShards runs consumer shards as a user does.
func (r *rig) showShards(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.Command(testenv.Build(t, "./consumer"), append([]string{"shards"}, args...)...)
	cmd.Env = testenv.Env(t)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), both.String()
}

// Seen to fail with exit code 0 for shards that nobody reads.
func TestShardsAreShownOnATerminal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	args := r.args[:4] // --stream and --app
	if code, out := r.showShards(t, args...); code != 2 || !strings.Contains(out, "read the lease table") {
		t.Errorf("without a table: %d %s", code, out)
	}
	if code, out := r.showShards(t, "--stream", "a b", "--app", "x"); code != 2 || !strings.Contains(out, "--stream") || !strings.Contains(out, "--app") {
		t.Errorf("wrong flags: %d %s", code, out)
	}
	c := r.start(t, "--lease-duration", "2s", "--worker-id", "reader")
	testenv.Eventually(t, "the shards are not shown", func() bool {
		code, out := r.showShards(t, args...)
		return code == 0 && strings.Contains(out, "2 of 2 shards are moving.") && strings.Count(out, "reader-") == 2 && strings.Count(out, " reading ") == 2
	})
	if err := c.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	code, out := r.showShards(t, args...)
	if code != 1 || !strings.Contains(out, "0 of 2 shards are moving. 2 have no reader.") || strings.Count(out, "nobody") != 2 {
		t.Errorf("with nobody: %d %s", code, out)
	}
}

// The page lists what the log says of leases. A line that is called otherwise would be missing there.
func TestEventsOfThePageAreLinesOfTheLog(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("lease/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for message := range main.LeaseEvents {
		if !strings.Contains(source.String(), `("`+message+`")`) {
			t.Errorf("nothing logs %q", message)
		}
	}
	var got []string
	log := logrus.New()
	log.SetOutput(&bytes.Buffer{})
	log.AddHook(main.NewEventHook(func(kind fleet.Kind, text string) { got = append(got, string(kind)+": "+text) }))
	shard := log.WithField("shard_id", "shardId-000000000002")
	shard.WithFields(logrus.Fields{"reason": "handed_over", "from": "b"}).Info("lease acquired")
	shard.WithFields(logrus.Fields{"reason": "new", "from": ""}).Info("lease acquired")
	shard.WithField("to", "c").Info("lease handed over")
	shard.Info("lease released")
	shard.WithField("reason", "fenced").Warn("lease lost")
	shard.WithField("reason", "unrenewed").Warn("lease lost")
	shard.Info("link committed")
	want := []string{"gained: 0002 gained from b: it was handed over", "gained: 0002 gained: nobody had it before", "handed_over: 0002 handed over to c",
		"released: 0002 released", "fenced: 0002 lost: fenced; what was not stored is read again by its next reader",
		"lost: 0002 lost: unrenewed; what was not stored is read again by its next reader"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}
