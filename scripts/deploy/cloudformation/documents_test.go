package cloudformation_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	firstCell = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|")
	inTicks   = regexp.MustCompile("`([A-Za-z]+)`")
	override  = regexp.MustCompile(`--parameter-overrides "?([A-Za-z]+)=`)
	alarms    = regexp.MustCompile(`(?s)- \*\*Alarms\.\*\* (.*?)\n- \*\*`)
)

// The documents have each parameter and each alarm of the template, and no others.
func TestTheDocumentsNameWhatTheTemplateHas(t *testing.T) {
	parsed, err := parse(read(t))
	if err != nil {
		t.Fatal(err)
	}
	deploying := document(t, "deploy.md")
	_, section, _ := strings.Cut(deploying, "## Amazon ECS, by one template")
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for _, cell := range firstCell.FindAllStringSubmatch(section, -1) {
		for _, name := range inTicks.FindAllStringSubmatch(cell[1], -1) {
			told = append(told, name[1])
		}
	}
	for name := range parsed.Parameters {
		if !slices.Contains(told, name) {
			t.Errorf("docs/deploy.md does not name the parameter %s", name)
		}
	}
	for _, text := range []string{section, document(t, "../README.md")} {
		for _, name := range override.FindAllStringSubmatch(text, -1) {
			told = append(told, name[1])
		}
	}
	for _, name := range told {
		if parsed.Parameters[name] == nil {
			t.Errorf("the documents name a parameter %s, which the template does not have", name)
		}
	}
	of := alarms.FindStringSubmatch(section)
	if of == nil {
		t.Fatal("no list of alarms is in docs/deploy.md")
	}
	for name, r := range parsed.Resources {
		if r["Type"] == "AWS::CloudWatch::Alarm" && name != "Lagging" && !strings.Contains(of[1], "`"+name+"`") {
			t.Errorf("docs/deploy.md does not name the alarm %s", name)
		}
	}
}

var money = regexp.MustCompile(`(?m)\| (\*\*)?([0-9.]+)(?:\*\*)? \| (?:\*\*)?([0-9.]+)(?:\*\*)? \|$`)

// The sums under the costs are those of the lines above, and the alarms and metrics are counted.
func TestTheCostsAddUp(t *testing.T) {
	_, section, _ := strings.Cut(document(t, "deploy.md"), "### What it costs")
	section, _, _ = strings.Cut(section, "\n## ")
	var sums [2]float64
	for _, line := range money.FindAllStringSubmatch(section, -1) {
		for i := range sums {
			price, err := strconv.ParseFloat(line[2+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			if line[1] == "" {
				sums[i] += price
			} else if math.Abs(sums[i]-price) > 0.001 {
				t.Errorf("the sum is %.2f, and the document says %.2f", sums[i], price)
			}
		}
	}
	if sums[0] == 0 || !strings.Contains(document(t, "../README.md"), fmt.Sprintf("%.0f dollars a month", sums[0])) {
		t.Errorf("the README does not say %.0f dollars", sums[0])
	}
	parsed, err := parse(read(t))
	if err != nil {
		t.Fatal(err)
	}
	count := map[any]int{}
	for _, r := range parsed.Resources {
		count[r["Type"]]++
	}
	if want := fmt.Sprintf("| %d alarms, %d metrics,", count["AWS::CloudWatch::Alarm"], count["AWS::Logs::MetricFilter"]); !strings.Contains(section, want) {
		t.Errorf("the document does not have %q", want)
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
