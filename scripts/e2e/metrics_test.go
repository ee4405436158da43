package e2e_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

var (
	metricType  = regexp.MustCompile(`(?m)^# TYPE (callevents_\w+) (\w+)$`)
	sample      = regexp.MustCompile(`(?m)^(callevents_\w+)\{([^}]*)\} `)
	namedMetric = regexp.MustCompile(`\bcallevents_[a-z0-9_]*[a-z0-9]`)
	selector    = regexp.MustCompile(`\b(callevents_[a-z0-9_]*[a-z0-9])\{([^}]*)\}`)
	labelName   = regexp.MustCompile(`(\w+)(?:=~|!=|!~|=)\\?"`)
	grouping    = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// metrics are the metrics of running programs, with the labels that each has.
type metrics map[string][]string

// add adds what a program says at /metrics.
func (m metrics) add(text string) {
	for _, found := range metricType.FindAllStringSubmatch(text, -1) {
		if !m.has(found[1]) {
			m[found[1]] = nil
		}
		if found[2] == "histogram" {
			m[found[1]+"_bucket"], m[found[1]+"_sum"], m[found[1]+"_count"] = []string{"le"}, nil, nil
		}
	}
	for _, found := range sample.FindAllStringSubmatch(text, -1) {
		for _, label := range labelName.FindAllStringSubmatch(found[2], -1) {
			m[found[1]] = append(m[found[1]], label[1])
		}
	}
}

func (m metrics) has(name string) bool {
	_, is := m[name]
	return is
}

// A metric with labels shows when something has happened. So a consumer gives leases away, and cannot store for a while.
func running(t *testing.T) metrics {
	p := newPipeline(t, testenv.Kinesis(t))
	proxy, err := faults.Listen(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	p.env = servers.Endpoints{Kinesis: testenv.Kinesis(t), DynamoDB: testenv.DynamoDB(t), S3: proxy.URL()}.Environ()
	producerAt, consumerAt := servers.FreeAddr(), servers.FreeAddr()
	p.start("producer", testenv.Build(t, "./producer"), "--stream", p.stream, "--spill", p.ledger+".spill", "--rate", "20", "--http", producerAt)
	p.consumer("a", "--http", consumerAt)
	p.awaitStored(20)
	p.consumer("b")
	found := metrics{}
	until := func(name string) {
		testenv.Eventually(t, "no "+name, func() bool {
			_, text := get(t, "http://"+consumerAt+"/metrics")
			found.add(text)
			return found.has(name)
		})
	}
	until("callevents_leases_lost_total")
	proxy.Add(faults.Rule{Operation: "PUT", Fault: faults.XMLError(403, "AccessDenied")})
	until("callevents_shard_blocked")
	_, text := get(t, "http://"+producerAt+"/metrics")
	found.add(text)
	return found
}

// What is watched is there, and what is there is explained: every metric that a document, an alert, the dashboard or a scaler
// names is one of the running programs, with these labels; and every one of theirs stands in docs/operations.md. Seen to
// fail with each of callevents_kinesis_pages_read_total taken out of the document, callevents_objects_total misspelt in
// it, and by (shard) instead of by (shard_id) on the dashboard.
func TestWhatIsWatchedIsWhatTheProgramsTell(t *testing.T) {
	t.Parallel()
	real := running(t)
	var explained []string
	watched(t, func(file, line string) {
		names := namedMetric.FindAllString(line, -1)
		if file == "docs/operations.md" {
			explained = append(explained, names...)
		}
		labels := []string{"job", "instance", "namespace", "pod"} // Prometheus adds them, the last two in Kubernetes
		for _, name := range names {
			if !real.has(name) {
				t.Errorf("%s names %s, which no program has", file, name)
			}
			labels = append(labels, real[name]...)
		}
		for _, used := range usedLabels(line) {
			if len(names) > 0 && !slices.Contains(labels, used) {
				t.Errorf("%s uses the label %s, which none of %v has", file, used, names)
			}
		}
	})
	for name := range real {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if !slices.Contains(explained, name) && !slices.Contains(explained, base) {
			t.Errorf("docs/operations.md does not explain %s", name)
		}
	}
}

// usedLabels are those that a query selects or groups by.
func usedLabels(line string) (labels []string) {
	for _, group := range grouping.FindAllStringSubmatch(line, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			labels = append(labels, strings.TrimSpace(label))
		}
	}
	for _, selected := range selector.FindAllStringSubmatch(line, -1) {
		for _, label := range labelName.FindAllStringSubmatch(selected[2], -1) {
			labels = append(labels, label[1])
		}
	}
	return labels
}

// watched calls with for each line of the documents and of what is deployed.
func watched(t *testing.T, with func(file, line string)) {
	t.Helper()
	root := os.DirFS("../..")
	for _, below := range []string{"README.md", "ARCHITECTURE.md", "docs", "scripts/deploy"} {
		err := fs.WalkDir(root, below, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !slices.Contains([]string{".md", ".yml", ".yaml", ".json"}, path.Ext(file)) {
				return err
			}
			text, err := fs.ReadFile(root, file)
			for line := range strings.Lines(string(text)) {
				with(file, line)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
