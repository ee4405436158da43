package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/cli"
	"example.com/callevents/shared/units"
)

// pump is a program for these tests, with a command "drain" beside that without a name.
type (
	runFlags struct {
		Stream  string            `default:"calls" help:"Stream to fill. It's there: [or] not."`
		Every   time.Duration     `default:"1s" help:"Pause."`
		Bytes   units.Bytes       `default:"1MB" help:"Size."`
		Count   int               `default:"0" help:"Number."`
		Create  bool              `default:"true" negatable:"" help:"Create it."`
		Tags    map[string]string `help:"Tags."`
		Dryness bool              `env:"-" help:"For one run."`
	}
	drainFlags struct {
		Stream string   `default:"calls" help:"Stream to drain."`
		Shape  string   `default:"" values:"round,square" help:"Shape."`
		Prefix []string `sep:"none" help:"Prefixes."`
		Ledger *os.File `help:"File."`
	}
)

func (f *runFlags) Validate() error {
	var problems []error
	if f.Every < time.Second {
		problems = append(problems, errors.New("--every: at least 1s"))
	}
	if f.Count < 0 {
		problems = append(problems, errors.New("--count: 0 or more"))
	}
	return errors.Join(problems...)
}

func pump() cli.Program {
	return cli.Program{Name: "pump", Commands: []cli.Command{
		{Flags: &runFlags{}, Help: "Fills. And more."},
		{Name: "drain", Flags: &drainFlags{}, Help: "Drains. And more."},
	}}
}

// write writes a configuration and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pump.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const all = `
# one file for both commands
stream: "from file"
every: 1m
bytes: 8MiB
count: 3
create: false
tags: {team: calls, cost: "7"}
prefix: [a/, "s3://b/c,d/"]
ledger: /dev/null
`

// Seen to fail when the file came after the environment, as kong has it.
func TestFlagsWinOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	t.Setenv("CALLEVENTS_COUNT", "4")
	t.Setenv("CALLEVENTS_EVERY", "2m")
	t.Setenv("CALLEVENTS_CONFIG", write(t, all))
	var f runFlags
	if _, err := pump().Parse("", &f, []string{"--every", "3m"}); err != nil {
		t.Fatal(err)
	}
	if f.Stream != "from file" || f.Every != 3*time.Minute || f.Bytes != 8*units.MiB || f.Count != 4 || f.Create || len(f.Tags) != 2 || f.Tags["cost"] != "7" {
		t.Errorf("got %+v", f)
	}
	var d drainFlags
	if _, err := pump().Parse("drain", &d, nil); err != nil {
		t.Fatal(err)
	}
	if d.Stream != "from file" || len(d.Prefix) != 2 || d.Prefix[1] != "s3://b/c,d/" || d.Ledger == nil {
		t.Errorf("drain got %+v", d)
	}
	if _, err := pump().Parse("", &f, []string{"--config", write(t, "# nothing\n"), "--create"}); err != nil || !f.Create || f.Stream != "calls" {
		t.Errorf("an empty file, and another than the environment names: %+v, %v", f, err)
	}
}

// All that is wrong is said at once, with its place.
func TestWhatIsWrongInAFile(t *testing.T) {
	for name, is := range map[string]struct {
		text string
		want []string
	}{
		"no flag": {"streem: x\n\nevry: 1s\nPREFIX: y\n", []string{"pump.yaml:1: streem is no flag, the nearest one is stream",
			"pump.yaml:3: evry is no flag, the nearest one is every", "pump.yaml:4: PREFIX is no flag"}},
		"as the environment has it": {"CALLEVENTS_STREAM: x\n", []string{"CALLEVENTS_STREAM is no flag"}},
		"bad values":                {"every: often\ncount: [1, 2]\nbytes:\ncreate: perhaps\nstream: {a: [b]}\n", []string{":1: --every", ":2: count takes one value", ":3: bytes: there is no value", ":4: --create", ":5: stream: use a text"}},
		"out of range":              {"every: 1ms\ncount: -1\n", []string{"--every: at least 1s", "--count: 0 or more"}},
		"both":                      {"streem: x\ncount: many\n", []string{":1: streem", ":2: --count"}},
		"for one run":               {"dryness: true\nhelp: true\nversion: true\nconfig: x\n", []string{":1: dryness is for one run", ":2: help is", ":3: version is for one run", ":4: config is for one run"}},
		"twice":                     {"count: 1\ncount: 2\n", []string{":2: count: is there twice"}},
		"no table":                  {"just text\n", []string{`use lines such as`}},
		"no YAML":                   {"a: b: c\n", []string{"pump.yaml: yaml:"}},
	} {
		_, err := pump().Parse("", &runFlags{}, []string{"--config", write(t, is.text)})
		for _, want := range is.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
	if _, err := pump().Parse("drain", &drainFlags{}, []string{"--config", "/absent.yaml"}); err == nil || !strings.Contains(err.Error(), "--config: open /absent.yaml") {
		t.Errorf("absent: %v", err)
	}
}

func TestVersion(t *testing.T) {
	built := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "622ac42"}, {Key: "vcs.time", Value: "2026-11-26T13:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	if got := cli.Describe(built); !strings.HasPrefix(got, "v1.2.3 commit 622ac42 dirty date 2026-11-26T13:00:00Z go1.26.0 ") {
		t.Errorf("got %q", got)
	}
	built.Settings[2].Value = "false"
	if got := cli.Describe(built); strings.Contains(got, "dirty") {
		t.Errorf("clean, got %q", got)
	}
	if got := cli.Describe(&debug.BuildInfo{}); !strings.HasPrefix(got, "(devel) commit unknown date unknown go1.") {
		t.Errorf("without a repository, got %q", got)
	}
}
