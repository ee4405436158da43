// Package testenv gives tests the real servers: endpoints, clients, streams, tables and buckets of their own.
//
// A test binary that uses it has a TestMain that calls [Main]. Each server is started when the first test asks for
// it, serves all tests of that binary, and is stopped by Main; tests keep apart by [Name]. All functions are safe
// for parallel tests.
package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"example.com/callevents/shared/testenv/servers"
)

// env is what the tests of one binary share. It is the only state of the package: a TestMain has no other way to hand
// servers to its tests.
var env struct {
	dir     string // what servers and builds write; empty until Main runs
	servers map[servers.Kind]*shared
	builds  sync.Map // package to *build
}

// shared is a server that is started once.
type shared struct {
	once   sync.Once
	server *servers.Server
	err    error
	output tail
}

// Main runs the tests, stops the servers they used, and exits. Where tests failed it prints what the servers said.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "callevents-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make directory for test servers:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	env.dir = dir
	env.servers = make(map[servers.Kind]*shared)
	for _, kind := range []servers.Kind{servers.Kinesalite, servers.KinesisLocal, servers.Dynalite, servers.S3} {
		env.servers[kind] = &shared{}
	}
	code := m.Run()
	for kind, s := range env.servers {
		if s.server == nil {
			continue
		}
		s.server.Stop()
		if said := s.output.String(); code != 0 && said != "" {
			fmt.Fprintf(os.Stderr, "the last output of %s:\n%s\n", kind, said)
		}
	}
	return code
}

// Long reports whether this is a long run, with all random histories and all mutations: scripts/test.sh --long.
func Long() bool { return os.Getenv("CALLEVENTS_LONG") != "" }

// Kinesis returns the URL of kinesalite.
func Kinesis(t testing.TB) string { return start(t, servers.Kinesalite).URL() }

// KinesisLocal returns the URL of kinesis-local, the second Kinesis implementation. It is slow: a few hundred
// records, not thousands.
func KinesisLocal(t testing.TB) string { return start(t, servers.KinesisLocal).URL() }

// DynamoDB returns the URL of dynalite.
func DynamoDB(t testing.TB) string { return start(t, servers.Dynalite).URL() }

// S3 returns the URL of the S3 gateway.
func S3(t testing.TB) string { return start(t, servers.S3).URL() }

// Server starts a server for this test alone, which may stop and restart it. It ends with the test. If dir is not empty,
// the server keeps its data there over restarts.
func Server(t testing.TB, kind servers.Kind, dir string) *servers.Server {
	t.Helper()
	s, err := servers.Start(context.Background(), kind, servers.Options{Root: root(t), Dir: dir, Output: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Env returns the environment for a child process that is to use the shared servers.
func Env(t testing.TB) []string {
	t.Helper()
	return servers.Endpoints{Kinesis: Kinesis(t), DynamoDB: DynamoDB(t), S3: S3(t)}.Environ()
}

func start(t testing.TB, kind servers.Kind) *servers.Server {
	t.Helper()
	if env.dir == "" {
		t.Fatal("this test binary needs: func TestMain(m *testing.M) { testenv.Main(m) }")
	}
	repository := root(t)
	s := env.servers[kind]
	s.once.Do(func() {
		opts := servers.Options{Root: repository, Output: &s.output}
		if kind == servers.S3 {
			opts.Dir = filepath.Join(env.dir, "s3")
		}
		s.server, s.err = servers.Start(context.Background(), kind, opts)
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := servers.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// tail keeps the last lines that were written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
