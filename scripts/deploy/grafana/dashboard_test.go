// Package grafana_test checks the dashboard: that Grafana finds its panels, and Prometheus takes their queries. That their
// metrics exist is checked beside running programs, in scripts/e2e.
package grafana_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dashboard is what is read of the file.
type dashboard struct {
	Title      string
	UID        string
	Templating struct{ List []struct{ Name, Type string } }
	Panels     []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Datasource  struct{ UID string }
		FieldConfig struct{ Defaults struct{ Unit string } }
		Targets     []struct{ RefID, Expr, LegendFormat string }
	}
}

func load(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 30 || d.Title == "" || d.UID == "" {
		t.Fatalf("%d panels, title %q, uid %q", len(d.Panels), d.Title, d.UID)
	}
	return d
}

// Seen to fail with two panels of one id, with one moved onto another, and without a unit.
func TestEachPanelHasItsPlaceAndItsQueries(t *testing.T) {
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range load(t).Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d, %q: an id of its own and a title", p.ID, p.Title)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > 24 {
			t.Errorf("%s is outside the grid: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s: data source %q, unit %q, %d queries", p.Title, p.Datasource.UID, p.FieldConfig.Defaults.Unit, len(p.Targets))
		}
		for i, target := range p.Targets {
			if target.RefID != string(rune('A'+i)) || !strings.Contains(target.Expr, `job=~"$job"`) {
				t.Errorf("%s: query %q %s has not the jobs that were chosen", p.Title, target.RefID, target.Expr)
			}
		}
	}
}

// Seen to fail with a bracket that is missing, and with a variable that the dashboard has not.
func TestPrometheusTakesTheQueries(t *testing.T) {
	d := load(t)
	variables := []string{"$__rate_interval", "5m"}
	for _, v := range d.Templating.List {
		variables = append(variables, "$"+v.Name, "any")
	}
	rules := "groups:\n- name: dashboard\n  rules:\n"
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			query := strings.NewReplacer(variables...).Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("%s: %s has a variable that is not there", p.Title, target.Expr)
			}
			rules += fmt.Sprintf("  - {record: 'panel:%d:%s', expr: %q}\n", p.ID, target.RefID, query)
		}
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("the queries are not read here: install prometheus, as .ci/run does")
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
