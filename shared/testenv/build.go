package testenv

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

type build struct {
	once   sync.Once
	binary string
	failed string
}

// Build returns the path of the binary of a main package of the repository, named from its root: "./producer". Each
// is built once per test binary, with the race detector where the tests run with it.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	if env.dir == "" {
		t.Fatal("this test binary needs: func TestMain(m *testing.M) { testenv.Main(m) }")
	}
	repository := root(t)
	entry, _ := env.builds.LoadOrStore(pkg, &build{})
	b := entry.(*build)
	b.once.Do(func() {
		b.binary = filepath.Join(env.dir, "bin", strings.ReplaceAll(filepath.Clean(pkg), "/", "-"))
		cmd := exec.Command("go", "build", fmt.Sprintf("-race=%t", Race), "-o", b.binary, pkg)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			b.failed = string(out) + err.Error()
		}
	})
	if b.failed != "" {
		t.Fatalf("build %s: %s", pkg, b.failed)
	}
	return b.binary
}
