package kubernetes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"example.com/callevents/scripts/deploy/programs"
)

var built map[string]programs.Program

func TestMain(m *testing.M) { programs.Main(m, &built) }

// load copies the folders into memory, with one text replaced in one file.
func load(t *testing.T, file, old, now string) filesys.FileSystem {
	t.Helper()
	files, replaced := filesys.MakeFsInMemory(), old == ""
	found, err := filepath.Glob("*/*.yaml")
	if err != nil || len(found) < 7 {
		t.Fatalf("%d files, %v", len(found), err)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if path == file && strings.Contains(string(text), old) {
			text, replaced = []byte(strings.Replace(string(text), old, now, 1)), true
		}
		if err := files.WriteFile(path, text); err != nil {
			t.Fatal(err)
		}
	}
	if !replaced {
		t.Fatalf("%q is not in %s", old, file)
	}
	return files
}

// problems says what is wrong with base or example.
func problems(files filesys.FileSystem) (wrong []string) {
	for _, folder := range []string{"base", "example"} {
		m, err := build(files, folder)
		if err != nil {
			return append(wrong, err.Error())
		}
		found := m.selections()
		for _, d := range m.deployments {
			for _, w := range append(m.container(d), m.pod(d)...) {
				found = append(found, d.Name+": "+w)
			}
		}
		if folder == "example" {
			found = append(found, m.complete()...)
		}
		for _, w := range found {
			wrong = append(wrong, folder+": "+w)
		}
	}
	return wrong
}

func TestTheManifestsAreRight(t *testing.T) {
	for _, wrong := range problems(load(t, "", "", "")) {
		t.Error(wrong)
	}
}

func TestMistakesInTheManifestsAreFound(t *testing.T) {
	for name, is := range map[string]struct{ file, old, now, want string }{
		"a field that is misspelt":     {"base/consumer.yaml", "failureThreshold:", "failureTreshold:", "failureTreshold"},
		"a field in small letters":     {"base/consumer.yaml", "livenessProbe:", "livenessprobe:", "livenessprobe"},
		"a field of another type":      {"base/consumer.yaml", "replicas: 2", "replicas: two", "replicas"},
		"a field twice":                {"base/consumer.yaml", "  replicas: 2", "  replicas: 2\n  replicas: 2", "replicas"},
		"an unknown kind":              {"base/consumer.yaml", "kind: PodDisruptionBudget", "kind: PodDisruptionBugdet", "PodDisruptionBugdet"},
		"a field of KEDA's":            {"example/scaledobject.yaml", "minReplicaCount", "minReplicas", "minReplicas"},
		"a field of the operator's":    {"example/podmonitor.yaml", "podMetricsEndpoints", "endpoints", "endpoints"},
		"a file that is not there":     {"example/kustomization.yaml", "- namespace.yaml", "- namespaces.yaml", "namespaces.yaml"},
		"a patch of nothing":           {"example/kustomization.yaml", "path: /spec/replicas", "path: /spec/replica", "replica"},
		"a selector without pods":      {"base/consumer.yaml", "matchLabels: {app.kubernetes.io/name: consumer}\n  progress", "matchLabels: {app.kubernetes.io/name: consume}\n  progress", "its own pods"},
		"a budget for nothing":         {"base/consumer.yaml", "must not keep a node from being drained\n  selector:\n    matchLabels: {app.kubernetes.io/name: consumer}", "\n  selector:\n    matchLabels: {app.kubernetes.io/name: consume}", "budget consumer is for 0 pods"},
		"a policy for nothing":         {"base/network.yaml", "app.kubernetes.io/part-of: callevents", "app.kubernetes.io/part-of: callevent", "is for 0 of 2"},
		"a policy for no port":         {"base/network.yaml", "port: http", "port: metrics", "opens port metrics"},
		"pods without its label":       {"base/kustomization.yaml", "    includeTemplates: true\n", "", "is for 0 of 2"},
		"a probe at no port":           {"base/consumer.yaml", "path: /readyz, port: http", "path: /readyz, port: https", "no port https"},
		"a probe at another path":      {"base/consumer.yaml", "path: /healthz", "path: /readyz", "/healthz"},
		"another port":                 {"base/consumer.yaml", "containerPort: 8080", "containerPort: 8081", "8081"},
		"an address of the pod's own":  {"base/kustomization.yaml", "CALLEVENTS_HTTP=0.0.0.0:8080", "CALLEVENTS_HTTP=:8080", "reach"},
		"a stop before the lease ends": {"base/consumer.yaml", "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 30", "needs 40s"},
		"the same, by the lease":       {"example/kustomization.yaml", "      - CALLEVENTS_BUCKET_OWNER", "      - CALLEVENTS_LEASE_DURATION=45s\n      - CALLEVENTS_BUCKET_OWNER", "needs 1m15s"},
		"a deadline before the start":  {"base/consumer.yaml", "progressDeadlineSeconds: 600", "progressDeadlineSeconds: 200", "--start-timeout"},
		"a variable that is misspelt":  {"example/kustomization.yaml", "CALLEVENTS_BUCKET=", "CALLEVENTS_BUKET=", "CALLEVENTS_BUKET"},
		"a value that is refused":      {"example/kustomization.yaml", "CALLEVENTS_RATE=1", "CALLEVENTS_RATE=fast", "fast"},
		"a spill on no volume":         {"base/kustomization.yaml", "CALLEVENTS_SPILL=/var/lib/callevents/", "CALLEVENTS_SPILL=/tmp/", "no volume"},
		"a ledger on no volume":        {"example/kustomization.yaml", "CALLEVENTS_LEDGER=/var/lib/callevents/", "CALLEVENTS_LEDGER=/tmp/", "no volume"},
		"a claim that is not there":    {"base/producer.yaml", "claimName: producer", "claimName: events", "no claim events"},
		"an account that is not there": {"base/producer.yaml", "serviceAccountName: producer", "serviceAccountName: events", "no account events"},
		"two producers":                {"base/producer.yaml", "replicas: 1", "replicas: 2", "spill file"},
		"a rollout with two":           {"base/producer.yaml", "strategy: {type: Recreate}", "strategy: {type: RollingUpdate}", "spill file"},
		"root":                         {"base/consumer.yaml", "runAsUser: 65534", "runAsUser: 0", "65534"},
		"a root that is written to":    {"base/producer.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "restricted"},
		"too little memory":            {"base/consumer.yaml", "limits: {memory: 256Mi}", "limits: {memory: 40Mi}", "memory"},
		"replicas beside KEDA":         {"example/kustomization.yaml", "{op: remove, path: /spec/replicas}", "{op: replace, path: /spec/replicas, value: 3}", "replicas of consumer"},
		"a target that is not there":   {"example/scaledobject.yaml", "scaleTargetRef: {name: consumer}", "scaleTargetRef: {name: consumers}", "no deployment consumers"},
		"a metric that is none":        {"example/scaledobject.yaml", "millis_behind_latest{", "millis_behind{", "callevents_millis_behind"},
		"a namespace that is left out": {"example/kustomization.yaml", "namespace: callevents\n", "", "namespace"},
		"an image without a tag":       {"example/kustomization.yaml", `    newTag: "1.0.0"` + "\n", "", "tag"},
	} {
		found := strings.Join(problems(load(t, is.file, is.old, is.now)), "\n")
		if !strings.Contains(found, is.want) {
			t.Errorf("%s: found %q, want %q", name, found, is.want)
		}
	}
}
