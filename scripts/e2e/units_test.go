package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
)

var (
	variable = regexp.MustCompile(`\bCALLEVENTS_[A-Z_]+\b`)
	longest  = regexp.MustCompile(`--lease-duration=(\S+)`)
)

// The units of systemd fit the programs as they are: the variables are theirs, a wrong one is not tried again, and a stop has
// the time that it needs. systemd itself reads them in scripts/deploy/systemd. Seen to fail with a variable that is
// misspelt, without RestartPreventExitStatus, and with TimeoutStopSec=30s.
func TestTheUnitsFitThePrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program string
		files   []string
		stop    time.Duration // the least that a stop must have, beside the lease duration
	}{
		{"consumer", []string{"callevents-consumer@.service", "consumer.env"}, 30 * time.Second},
		{"producer", []string{"callevents-producer.service", "callevents-resend.service", "producer.env"}, 30 * time.Second},
	} {
		t.Run(c.program, func(t *testing.T) {
			binary := testenv.Build(t, "./"+c.program)
			help, err := exec.Command(binary, "--help").Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range c.files {
				for _, name := range variable.FindAllString(read(t, "../deploy/systemd/"+file), -1) {
					if !strings.Contains(string(help), "$"+name+")") && !strings.Contains(string(help), "$"+name+",") {
						t.Errorf("%s sets %s, which is no flag of the %s", file, name, c.program)
					}
				}
			}
			service := read(t, "../deploy/systemd/"+c.files[0])
			wrong := exec.Command(binary, "--no-such-flag").Run()
			exit := new(exec.ExitError)
			never := strings.Fields(setting(t, service, "RestartPreventExitStatus"))
			if !errors.As(wrong, &exit) || !slices.Contains(never, strconv.Itoa(exit.ExitCode())) {
				t.Errorf("systemd tries again after wrong flags: %v", wrong)
			}
			need := c.stop
			if found := longest.FindSubmatch(help); found != nil {
				need += duration(t, string(found[1]))
			}
			if has := duration(t, setting(t, service, "TimeoutStopSec")); has < need {
				t.Errorf("a stop has %v, and may need %v", has, need)
			}
		})
	}
}

// setting returns the value of a setting of a unit.
func setting(t *testing.T, unit, name string) string {
	t.Helper()
	for line := range strings.Lines(unit) {
		if value, found := strings.CutPrefix(line, name+"="); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
