// Package prometheus_test checks the alerts: with promtool, against their own tests, and against their runbooks. That their
// metrics exist is checked beside running programs, in scripts/e2e.
package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const alertsFile, testsFile = "alerts.yml", "alerts_test.yml"

var (
	alert   = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	waits   = regexp.MustCompile(`(?m)^ +for: .*\n`)
	runbook = regexp.MustCompile(`(?m)^ +runbook: (.*)$`)
	limit   = regexp.MustCompile(`(?m)( >) (0\.2|300)$`)
	moment  = regexp.MustCompile(`eval_time: \d+m,?\s+alertname: (\w+)(\s+exp_alerts:)?`)
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rules returns the text of each alert, by name.
func rules(t *testing.T) map[string]string {
	t.Helper()
	text := read(t, alertsFile)
	found, starts := map[string]string{}, alert.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		found[text[at[2]:at[3]]] = text[at[0]:end]
	}
	if len(found) < 16 {
		t.Fatalf("only %d alerts: are they still read?", len(found))
	}
	return found
}

// promtool returns what promtool says in a folder, and how it ends.
func promtool(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("the alerts are not tried here: install prometheus, as .ci/run does")
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	if said, err := promtool(t, ".", "check", "rules", "--lint=all", "--lint-fatal", alertsFile); err != nil {
		t.Error(said)
	}
}

func TestEachAlertFiresWhenItShould(t *testing.T) {
	if said, err := promtool(t, ".", "test", "rules", testsFile); err != nil {
		t.Error(said)
	}
}

// Each alert is seen before it fires, while it does, and after.
func TestEachAlertIsTestedFromBeginningToEnd(t *testing.T) {
	seen := map[string]string{}
	for _, m := range moment.FindAllStringSubmatch(read(t, testsFile), -1) {
		is := "-"
		if m[2] != "" {
			is = "F"
		}
		seen[m[1]] += is
	}
	story := regexp.MustCompile(`^-+(F+-+)+$`)
	for name := range rules(t) {
		if !story.MatchString(seen[name]) {
			t.Errorf("%s is tested as %q: want calm, firing, calm", name, seen[name])
		}
	}
}

// An alert that does not wait, or has another limit, is noticed by its own test.
func TestEachAlertIsHeldToItsTest(t *testing.T) {
	for what, change := range map[string]func(string) string{
		"no time to wait":  func(rule string) string { return waits.ReplaceAllString(rule, "") },
		"a limit too soon": func(rule string) string { return limit.ReplaceAllString(rule, "$1 ($2) / 5") },
		"a limit out of reach": func(rule string) string {
			return strings.NewReplacer(" > ", " > 1e9 + ", " == 0", " == 1e9", " < ", " < 1e-9 * ").Replace(rule)
		},
	} {
		t.Run(what, func(t *testing.T) {
			text, changed := read(t, alertsFile), []string{}
			for name, rule := range rules(t) {
				if wrong := change(rule); wrong != rule {
					text, changed = strings.Replace(text, rule, wrong, 1), append(changed, name)
				}
			}
			dir := t.TempDir()
			for file, text := range map[string]string{alertsFile: text, testsFile: read(t, testsFile)} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, _ := promtool(t, dir, "test", "rules", testsFile)
			for _, name := range changed {
				if !strings.Contains(said, "alertname: "+name+", time") {
					t.Errorf("nobody notices that %s has %s", name, what)
				}
			}
		})
	}
}

// Each alert links to the part of the document that bears its name, and each such part has an alert.
func TestEachAlertHasARunbook(t *testing.T) {
	document := read(t, "../../../docs/operations.md")
	all := rules(t)
	for name, text := range all {
		link := runbook.FindStringSubmatch(text)
		if want := "docs/operations.md#" + strings.ToLower(name); link == nil || link[1] != want {
			t.Errorf("%s: runbook %q, want %s", name, link, want)
		}
		if !strings.Contains(document, "\n### "+name+"\n") {
			t.Errorf("docs/operations.md has no part %s", name)
		}
	}
	for _, part := range regexp.MustCompile(`(?m)^### (Callevents\w+)$`).FindAllStringSubmatch(document, -1) {
		if all[part[1]] == "" {
			t.Errorf("docs/operations.md has a part %s, and no alert is called so", part[1])
		}
	}
}
