package main_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // they mostly wait
	testenv.Main(m)
}

// rig is a folder with the producer's files in it, and a stream that it writes to.
type rig struct {
	t        *testing.T
	dir      string
	endpoint string // of Kinesis, for the producer
	stream   string
	client   *kinesis.Client // without a proxy
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return &rig{t: t, dir: t.TempDir(), endpoint: testenv.Kinesis(t), stream: testenv.Name(t, "calls"), client: testenv.KinesisClient(t)}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) lines(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "{\"event\":{\"property\":{\"call_id\":\"line-%d\"}},\"user\":{\"user_id\":\"%d\"}}\n", i, i)
	}
	return text.String()
}

func (r *rig) throughProxy() *faults.Proxy {
	r.t.Helper()
	proxy, err := faults.Listen(r.endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(proxy.Close)
	r.endpoint = proxy.URL()
	return proxy
}

// createStream creates the stream as a run would: a resend creates none.
func (r *rig) createStream() {
	r.t.Helper()
	if _, err := r.client.CreateStream(r.t.Context(), &kinesis.CreateStreamInput{StreamName: &r.stream, ShardCount: aws.Int32(4)}); err != nil {
		r.t.Fatal(err)
	}
}

// process is a producer that was started.
type process struct {
	*children.Child
	rig            *rig
	stdout, stderr safeBuffer
}

// start starts the producer with a ledger, a summary and a spill file in the rig's folder.
func (r *rig) start(stdin string, args ...string) *process {
	r.t.Helper()
	args = append([]string{"--stream", r.stream, "--ledger", "ledger.csv", "--summary", "summary.json", "--spill", "spill.ndjson", "--log-format", "json"}, args...)
	p := &process{rig: r}
	cmd := exec.Command(testenv.Build(r.t, "./producer"), args...)
	cmd.Dir, cmd.Env = r.dir, servers.Endpoints{Kinesis: r.endpoint}.Environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &p.stdout, &p.stderr
	var err error
	if p.Child, err = children.Start(cmd); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		p.Kill()
		if r.t.Failed() {
			r.t.Logf("producer %q:\n%s%s", args, p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// wait returns the exit code.
func (p *process) wait() int {
	p.rig.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(90 * time.Second):
		p.Signal(syscall.SIGQUIT) // says where it hangs
		<-p.Ended()
		p.rig.t.Fatal("the producer does not end")
	}
	err := p.Wait()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return failed.ExitCode()
	}
	if err != nil {
		p.rig.t.Fatal(err)
	}
	return 0
}

// run starts the producer and waits for its end. Any exit code but want fails the test.
func (r *rig) run(want int, args ...string) *process {
	r.t.Helper()
	p := r.start("", args...)
	if code := p.wait(); code != want {
		r.t.Fatalf("exit code %d, want %d", code, want)
	}
	return p
}

// safeBuffer is a bytes.Buffer that may be read while it is written.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
