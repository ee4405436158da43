package servers

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Kind names a server.
type Kind string

// The servers. Kinesalite is fast. KinesisLocal is another implementation of the same service: slow, and without a disk
// here.
const (
	Kinesalite   Kind = "kinesalite"
	KinesisLocal Kind = "kinesis-local"
	Dynalite     Kind = "dynalite"
	S3           Kind = "s3"
)

// Options say where a server lives.
type Options struct {
	Root   string    // the repository, see [FindRoot]
	Dir    string    // what it holds is kept here; empty: in memory, but S3 needs one
	Output io.Writer // what it prints; nil: nowhere. Must be safe for concurrent use
}

// nodeCommand starts a Node.js server with the guard, so that it neither outlives its parent nor listens on other
// addresses.
func nodeCommand(opts Options, script string, args ...string) *exec.Cmd {
	dir := filepath.Join(opts.Root, "scripts", "servers")
	script = filepath.Join(dir, "node_modules", script)
	cmd := exec.Command("node", append([]string{"-r", filepath.Join(dir, "guard.js"), script}, args...)...)
	cmd.Dir = filepath.Dir(script)
	return cmd
}

// command returns the server's command line, without its environment. Streams and tables change their state in 20 ms, not
// in half a second as by default.
func (k Kind) command(opts Options, addr string) *exec.Cmd {
	_, port, _ := net.SplitHostPort(addr)
	args := []string{"--port", port}
	if opts.Dir != "" {
		args = append(args, "--path", absolute(opts.Dir))
	}
	switch k {
	case Kinesalite:
		args = append(args, "--createStreamMs", "20", "--deleteStreamMs", "20", "--updateStreamMs", "20", "--shardLimit", "10000")
		return nodeCommand(opts, "kinesalite/cli.js", args...)
	case KinesisLocal:
		return nodeCommand(opts, "kinesis-local/main.js")
	case Dynalite:
		args = append(args, "--createTableMs", "20", "--deleteTableMs", "20", "--updateTableMs", "20")
		return nodeCommand(opts, "dynalite/cli.js", args...)
	default:
		return exec.Command(gateway(opts.Root), "--addr", addr, "--region", Region,
			"--data", filepath.Join(absolute(opts.Dir), "objects"), "--sidecar", filepath.Join(absolute(opts.Dir), "metadata"))
	}
}

// environ returns what the server reads from its environment, besides the credentials.
func (k Kind) environ(addr string) []string {
	if k != KinesisLocal {
		return nil
	}
	_, port, _ := net.SplitHostPort(addr)
	env := []string{"KINESIS_MOCK_PLAIN_PORT=" + port, "KINESIS_MOCK_TLS_PORT=0", "SHARD_LIMIT=10000", "LOG_LEVEL=WARN"}
	for _, change := range []string{"CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS", "UPDATE_SHARD_COUNT"} {
		env = append(env, change+"_DURATION=20ms")
	}
	return env
}

// installed reports what is missing and how to get it.
func (k Kind) installed(root string) error {
	file := filepath.Join(root, "scripts", "servers", "node_modules", string(k), "package.json")
	if k == S3 {
		file = gateway(root)
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s is not installed: run scripts/install-servers.sh", k)
	}
	return nil
}

func gateway(root string) string { return filepath.Join(root, ".local", "bin", "s3") }

// absolute makes a path that is right in any working directory: some servers change theirs.
func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// FindRoot returns the repository that holds the working directory: the nearest directory above that has the servers.
func FindRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "scripts", "servers", "guard.js")); missing == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = fmt.Errorf("scripts/servers not found above the working directory: run this inside the repository")
		}
	}
	return "", err
}
