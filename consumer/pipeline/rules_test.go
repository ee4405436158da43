package pipeline_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rules are the protocol's, each with the change to the program that takes it out. The random histories must then
// find the fault.
var rules = []struct{ name, file, rule, without string }{
	{"1 a link is created only if nothing has its name", "../warehouse/commit.go",
		`IfNoneMatch: aws.String("*"),`, ``},
	{"2 a refused commit is adopted, not counted as done", "../warehouse/commit.go",
		`return there, headErr`, `_ = there
				return link, headErr`},
	{"2 an unknown outcome is resolved before anything else", "../warehouse/commit.go",
		`case done:`, `case done, unknown:`},
	{"2 the batch is dropped if the link ends elsewhere", "flush.go",
		`if link.First != s.batch.First() || link.Last != s.batch.Last() {`, `if false {`},
	{"2 after adoption the rest of the page is read again", "shard.go",
		`err != nil || moved {`, `err != nil || moved && err != nil {`},
	{"3 dead letters are stored after the link", "flush.go",
		`if link.Rejected > 0 {`, `if false {`},
	{"3 dead letters missing at the tip are restored", "../warehouse/deadletter.go",
		`return true, nil`, `return false, nil`},
	{"3 incomplete dead letters replace nothing", "../warehouse/deadletter.go",
		`if !complete {`, `if false {`},
	{"3 the checkpoint comes after the link", "flush.go",
		`started := time.Now()`, `started := time.Now()
		_ = s.checkpoint(ctx, s.batch.Last().String(), nextDay)`},
	{"4 a shard is resumed at its tip", "shard.go",
		`if ok && !checkpoint.After(tip.Last) {`, `if ok && false {`},
	{"5 the day of a link is decided by the link before", "shard.go",
		`err = s.flush(ctx, day, causeDay)`, `if s.batch.Empty() {
			s.begin(warehouse.Place{Shard: s.info.ID, Previous: s.batch.Last(), Day: day})
			break
		}
		err = s.flush(ctx, day, causeDay)`},
	{"5 a sequence number is never cut", "shard.go",
		`if err := s.appendUser(record, user); err != nil {`, `if s.full() != "" {
			_ = s.flush(context.Background(), s.batch.Place().Day, causeRecords)
		}
		if err := s.appendUser(record, user); err != nil {`},
	{"6 a record that is not after the last one is dropped", "shard.go",
		`if !at.After(s.batch.Last()) {`, `if false {`},
}

// histories is how many a rule has to be missed in, and how many must pass with all rules.
const histories = "100000"

// TestEveryRuleIsNeeded takes each rule out in turn, in an overlay of the source, and expects the histories to fail;
// with all rules they must pass. The trust window is not among them: it saves work, the chain holds without it. Rule 7
// has its own test.
func TestEveryRuleIsNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package once per rule")
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		if out, err := play(t); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			out, err := play(t, "-overlay", overlay(t, r.file, r.rule, r.without))
			if err == nil {
				t.Fatalf("%s histories do not miss the rule", histories)
			}
			if !strings.Contains(out, "[rapid] failed") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// play runs the histories in a process of its own, on one processor: no two goroutines of a history run at a time
// anyway, and they make much garbage.
func play(t *testing.T, flags ...string) (string, error) {
	args := append([]string{"test", "-run", "^TestEveryRecordIsInExactlyOneObject$", "-timeout", "8m"}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".", "-rapid.checks="+histories)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=800")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overlay returns the file that makes the go command see a changed source. The change must fit at exactly one place.
func overlay(t *testing.T, file, rule, without string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), rule); n != 1 {
		t.Fatalf("%s is there %d times in %s", rule, n, file)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.go")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "overlay.json")
	for name, content := range map[string]string{changed: strings.Replace(string(source), rule, without, 1), list: string(replace)} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
