package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/callevents/shared/testenv/children"
)

// builder builds images and runs them, with buildah and a storage of its own.
type builder struct {
	*testing.T
	env    []string
	images int
}

// newBuilder skips the test where buildah cannot work.
func newBuilder(t *testing.T) *builder {
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Skip("no image is built or run here: install buildah, as .ci/run does")
	}
	if os.Geteuid() != 0 {
		t.Skip("no image is built or run here: buildah needs root for a container of another user")
	}
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no image is built or run here: this machine starts no containers: %v %s", err, out)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(dir, "graph"), filepath.Join(dir, "run"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &builder{T: t, env: append(os.Environ(), "CONTAINERS_STORAGE_CONF="+conf)}
}

// image builds an image from a new copy of the repository, which is always the same commit.
func (b *builder) image(umask string) image {
	b.Helper()
	b.images++
	root := filepath.Join(b.TempDir(), fmt.Sprint("clone", b.images))
	copyRepository(b.T, root)
	commit := b.run(root, "bash", "-c", "umask "+umask+` && git init --quiet && git add . && git commit --quiet --message=all && git rev-parse HEAD`)
	name := fmt.Sprint("callevents:test", b.images)
	said := b.run(root, "nice", "bash", "-c", "umask "+umask+" && scripts/image.sh "+name) // it compiles, while other tests take the time
	digest, found := strings.CutPrefix(said, name+" ")
	if !found {
		b.Fatalf("the script says %q", said)
	}
	return image{name: name, digest: digest, commit: commit, layout: os.DirFS(filepath.Join(root, ".local/image/oci"))}
}

// run returns what a command prints. Its commits are all made at one time, by one person.
func (b *builder) run(dir string, command ...string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // of a machine that compiles everything
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Env = dir, &stderr, append(b.env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %v\n%s", command, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// copyRepository copies the files of the repository, but not what was installed or built there.
func copyRepository(t *testing.T, to string) {
	t.Helper()
	from := "../.."
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch entry.Name() {
		case ".git", ".local", "node_modules", "data":
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// container is a program of an image that runs in a container.
type container struct {
	b       *builder
	p       *pipeline
	program string
	args    []string
	id      string
	root    string // its file system
}

func (b *builder) container(p *pipeline, i image, program string, args ...string) *container {
	p.Helper()
	c := &container{b: b, p: p, program: program, args: args, id: b.run("", "buildah", "from", "--pull-never", i.name)}
	b.Cleanup(func() { b.run("", "buildah", "rm", c.id) })
	c.root = b.run("", "buildah", "mount", c.id)
	return c
}

// start starts the program, with the servers' addresses and a folder of this machine for its volume.
func (c *container) start(volume string) *children.Child {
	c.p.Helper()
	args := []string{"run", "--isolation", "chroot", "--volume", volume + ":/var/lib/callevents"}
	for _, variable := range c.p.env {
		if strings.HasPrefix(variable, "AWS_") {
			args = append(args, "--env", variable)
		}
	}
	args = append(append(args, c.id, "--", c.program), c.args...)
	child, err := children.StartProgram(c.p.log(c.program), c.b.env, "buildah", args...)
	if err != nil {
		c.p.Fatal(err)
	}
	c.p.Cleanup(child.Kill)
	return child
}

// pid returns the process of the program itself: buildah's own have its arguments, too.
func (c *container) pid() int {
	c.p.Helper()
	for _, file := range processes(c.p.T, c.p.app) {
		command, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && pid > 0 && bytes.HasPrefix(command, []byte("/usr/local/bin/"+c.program+"\x00")) {
			return pid
		}
	}
	c.p.Fatalf("no process of %s", c.program)
	return 0
}

// wrote lists what the program's user owns in its file system: what it wrote beside its volume.
func (c *container) wrote() (found []string) {
	c.p.Helper()
	err := filepath.WalkDir(c.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid == nobody {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		c.p.Fatal(err)
	}
	return found
}
