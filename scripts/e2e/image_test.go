package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/callevents/shared/testenv"
)

const nobody = 65534

// The image is built twice from one commit, by users with different umasks in different folders, and is the same. Then it is
// looked into, and run. Seen to fail without each of --timestamp, -trimpath and umask in the script (other digests), of
// -buildvcs (no commit), and of USER, VOLUME and --chown in the Dockerfile.
func TestTheImage(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	first, second := b.image("022"), b.image("077")
	if first.digest != second.digest {
		t.Errorf("one commit, two images: %s and %s", first.digest, second.digest)
	}
	t.Run("is for both architectures", first.hasBothArchitectures)
	t.Run("says what it is and whom it runs as", first.saysWhatItIs)
	t.Run("has the programs, the certificates and nothing else", first.hasNothingElse)
	t.Run("runs", func(t *testing.T) { b.runs(t, first) })
}

// image is an OCI layout, as a registry gets it.
type image struct {
	name, digest, commit string
	layout               fs.FS
}

// manifest has what is read of an OCI index, manifest and configuration.
type manifest struct {
	Manifests []struct {
		Digest   string
		Platform struct{ Architecture, OS string }
	}
	Config struct {
		Digest     string
		User       string
		WorkingDir string
		Labels     map[string]string
		Volumes    map[string]struct{}
	}
	Layers []struct {
		Digest string
		Size   int64
	}
}

func (i image) blob(t *testing.T, digest string) []byte {
	t.Helper()
	data, err := fs.ReadFile(i.layout, "blobs/"+strings.ReplaceAll(digest, ":", "/"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (i image) manifest(t *testing.T, digest string) (m manifest) {
	t.Helper()
	if err := json.Unmarshal(i.blob(t, digest), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (i image) hasBothArchitectures(t *testing.T) {
	var found []string
	for _, one := range i.manifest(t, i.digest).Manifests {
		found = append(found, one.Platform.OS+"/"+one.Platform.Architecture)
	}
	if slices.Sort(found); !slices.Equal(found, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("an image for %v", found)
	}
}

func (i image) saysWhatItIs(t *testing.T) {
	for _, one := range i.manifest(t, i.digest).Manifests {
		c := i.manifest(t, i.manifest(t, one.Digest).Config.Digest).Config
		_, volume := c.Volumes["/var/lib/callevents"]
		if c.User != "65534:65534" || c.WorkingDir != "/var/lib/callevents" || !volume {
			t.Errorf("user %q in %q, volumes %v", c.User, c.WorkingDir, c.Volumes)
		}
		const label = "org.opencontainers.image."
		if revision := c.Labels[label+"revision"]; revision != i.commit {
			t.Errorf("revision %q, want %q", revision, i.commit)
		}
		for _, name := range []string{"title", "description", "licenses", "version"} {
			if value := c.Labels[label+name]; value == "" || value == "unknown" {
				t.Errorf("label %s is %q", name, value)
			}
		}
	}
}

func (i image) hasNothingElse(t *testing.T) {
	for _, one := range i.manifest(t, i.digest).Manifests {
		files, owners := map[string][]byte{}, map[string]int{}
		for _, layer := range i.manifest(t, one.Digest).Layers {
			t.Logf("%s: a layer of %.1f MB", one.Platform.Architecture, float64(layer.Size)/1e6)
			unpack(t, i.blob(t, layer.Digest), files, owners)
		}
		const roots = "etc/ssl/certs/ca-certificates.crt"
		if found := slices.Sorted(maps.Keys(files)); !slices.Equal(found, []string{roots, "usr/local/bin/consumer", "usr/local/bin/producer"}) {
			t.Errorf("files %v", found)
		}
		if owner := owners["var/lib/callevents/"]; owner != nobody {
			t.Errorf("the volume belongs to user %d", owner)
		}
		for _, program := range []string{"consumer", "producer"} {
			i.isBuiltFor(t, one.Platform.Architecture, files["usr/local/bin/"+program])
		}
		trusts(t, files[roots], "Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4") // AWS's endpoints
	}
}

// isBuiltFor wants a static program that knows the commit it is of.
func (i image) isBuiltFor(t *testing.T, arch string, program []byte) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["GOARCH"] != arch || settings["CGO_ENABLED"] != "0" || settings["vcs.revision"] != i.commit {
		t.Errorf("%s for %s is built with %v", info.Path, arch, settings)
	}
}

// unpack adds the files of a layer, and the owners of all that is in it.
func unpack(t *testing.T, layer []byte, files map[string][]byte, owners map[string]int) {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		owners[header.Name] = header.Uid
		if header.Typeflag == tar.TypeDir {
			continue
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func trusts(t *testing.T, bundle []byte, names ...string) {
	t.Helper()
	trusted := map[string]bool{}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		trusted[certificate.Subject.CommonName] = true
	}
	for _, name := range names {
		if !trusted[name] {
			t.Errorf("%s is not among %d certificates", name, len(trusted))
		}
	}
}

// runs puts and stores records with the programs of the image, as nobody. The producer has a volume for its files.
func (b *builder) runs(t *testing.T, i image) {
	p := newPipeline(t, testenv.Kinesis(t))
	for _, program := range []string{"producer", "consumer"} {
		c := b.container(p, i, program)
		if version := b.run("", "buildah", "run", "--isolation", "chroot", c.id, "--", program, "--version"); !strings.Contains(version, i.commit) {
			t.Errorf("--version says %q, and not that it is of %s", version, i.commit)
		}
	}
	volume := t.TempDir()
	if err := os.Chown(volume, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	p.ledger = filepath.Join(volume, "ledger.csv")
	producer := b.container(p, i, "producer", "--stream", p.stream, "--rate", "200", "--count", "200", "--ledger", "ledger.csv")
	if err := producer.start(volume).Wait(); err != nil {
		t.Fatal("producer:", err)
	}
	consumer := b.container(p, i, "consumer", "--stream", p.stream, "--app", p.app, "--worker-id", "in-"+p.app,
		"--bucket", p.bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix, "--flush-interval", "500ms")
	running := consumer.start(t.TempDir())
	p.awaitStored(200)
	pid := consumer.pid()
	process, err := os.Stat(fmt.Sprint("/proc/", pid))
	if err != nil {
		t.Fatal(err)
	}
	if uid := process.Sys().(*syscall.Stat_t).Uid; uid != nobody {
		t.Errorf("the consumer runs as user %d", uid)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil { // buildah passes no signal on
		t.Fatal(err)
	}
	program{running, p, "consumer"}.finish()
	for _, c := range []*container{producer, consumer} {
		if wrote := c.wrote(); len(wrote) > 0 {
			t.Errorf("%s writes outside its volume: %v", c.program, wrote)
		}
	}
	p.verify(200)
}
