package testenv

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Overlay returns the file that makes the go command see a changed source. The change must fit at exactly one place.
func Overlay(t *testing.T, file, rule, without string) string {
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
	changed, list := filepath.Join(t.TempDir(), "changed.go"), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{changed: strings.Replace(string(source), rule, without, 1), list: string(replace)} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// MustFail runs a test of the package under test with an overlay, and reports if it passes. flags are more of those of go test.
func MustFail(t *testing.T, test, overlay string, flags ...string) {
	t.Helper()
	args := append([]string{"test", "-vet=off", "-run", "^" + test + "$", "-timeout", "5m", "-overlay", overlay}, flags...)
	out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput()
	if err == nil {
		t.Fatalf("%s does not miss it", test)
	}
	if text := string(out); !strings.Contains(text, "--- FAIL: "+test) {
		t.Fatalf("%v\n%s", err, text)
	}
}
