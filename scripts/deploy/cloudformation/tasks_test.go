package cloudformation_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/callevents/scripts/deploy/programs"
)

// mostStopTimeout is Fargate's limit (ECS developer guide, task definition parameters).
const mostStopTimeout = 120 * time.Second

var built map[string]programs.Program

// tried remembers what the programs said, since the variants have the same containers.
var tried = map[string][]string{}

func TestMain(m *testing.M) { programs.Main(m, &built) }

// container is what the checks read of a container definition.
type container struct {
	Name        string
	Command     []string
	StopTimeout int
	HealthCheck struct{ Command []string }
	Environment []struct{ Name, Value string }
	MountPoints []struct{ ContainerPath string }
}

// checkTasks has the programs judge their containers, and looks at times and texts.
func checkTasks(resources map[string]map[string]any) (wrong []string) {
	for name, r := range resources {
		properties, err := json.Marshal(r["Properties"])
		if err != nil {
			return []string{err.Error()}
		}
		switch r["Type"] {
		case "AWS::ECS::TaskDefinition":
			var task struct{ ContainerDefinitions []container }
			if json.Unmarshal(properties, &task) != nil {
				continue // the schema tells it
			}
			for _, c := range task.ContainerDefinitions {
				wrong = append(wrong, c.problems()...)
			}
		case "AWS::Logs::MetricFilter":
			wrong = append(wrong, unlogged(string(properties))...)
		}
		if name == "Behind" {
			wrong = append(wrong, threshold(resources["Stream"], r)...)
		}
	}
	return wrong
}

func (c container) problems() (wrong []string) {
	env := map[string]string{}
	for _, e := range c.Environment {
		env[e.Name] = e.Value
	}
	key := fmt.Sprint(c.Command, env)
	if _, is := tried[key]; !is {
		tried[key] = programs.Problems(built, c.Command, env)
	}
	wrong = append(wrong, tried[key]...)
	needs, err := built[c.Name].Grace(env)
	stop := time.Duration(c.StopTimeout) * time.Second
	if err != nil || stop < needs || stop > mostStopTimeout {
		wrong = append(wrong, fmt.Sprintf("%s: StopTimeout %v; it needs %v (%v), and Fargate allows %v", c.Name, stop, needs, err, mostStopTimeout))
	}
	if want := []string{"CMD", c.Command[0], "health"}; strings.Join(c.HealthCheck.Command, " ") != strings.Join(want, " ") {
		wrong = append(wrong, fmt.Sprintf("%s: health check %q; the image has no shell, want %q", c.Name, c.HealthCheck.Command, want))
	}
	if env["CALLEVENTS_HTTP"] == "" {
		wrong = append(wrong, c.Name+": its health check asks nobody, CALLEVENTS_HTTP is not set")
	}
	if spill := env["CALLEVENTS_SPILL"]; spill != "" && (len(c.MountPoints) != 1 || path.Dir(spill) != c.MountPoints[0].ContainerPath) {
		wrong = append(wrong, c.Name+": the spill file is on no volume, and ends with the task")
	}
	return wrong
}

var filterText = regexp.MustCompile(`\$\.msg = \\"([^"]*)\\"`)

// unlogged are the log texts of a metric filter that no program has.
func unlogged(filter string) (wrong []string) {
	for _, text := range filterText.FindAllStringSubmatch(filter, -1) {
		if !strings.Contains(source(), `("`+text[1]+`")`) {
			wrong = append(wrong, "no program logs "+text[1])
		}
	}
	return wrong
}

// source is the code of the programs.
var source = sync.OnceValue(func() string {
	var all strings.Builder
	for _, folder := range []string{"producer", "consumer"} {
		root := os.DirFS("../../../" + folder)
		err := fs.WalkDir(root, ".", func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(root, file)
			all.Write(text)
			return err
		})
		if err != nil {
			panic(err)
		}
	}
	return all.String()
})

// threshold compares the alarm on the lag with the retention.
func threshold(stream, alarm map[string]any) []string {
	hours := stream["Properties"].(map[string]any)["RetentionPeriodHours"]
	at := alarm["Properties"].(map[string]any)["Threshold"]
	if whole, is := hours.(int); !is || at != whole*30*60*1000 {
		return []string{fmt.Sprintf("the alarm Behind is at %v ms, and not at half of %v hours", at, hours)}
	}
	return nil
}
