package e2e_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
)

const script = "../run-local.sh"

// build has the script build everything. Later builds find that nothing has changed, so they write no binary that runs.
var build = sync.OnceValues(func() ([]byte, error) { return exec.Command(script, "--help").CombinedOutput() })

// runLocal starts scripts/run-local.sh and collects what it prints.
func runLocal(t *testing.T, args ...string) (*children.Child, *output) {
	t.Helper()
	if text, err := build(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	out := &output{T: t}
	cmd := exec.Command(script, args...)
	cmd.Stdout, cmd.Stderr = out, out
	child, err := children.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	return child, out
}

type output struct {
	*testing.T
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) await(text string) {
	o.Helper()
	testenv.Eventually(o, "no "+text+" in the output", func() bool { return strings.Contains(o.String(), text) })
}

func TestRunLocalVerifiesAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var first, second int
	t.Run("to the end of its duration", func(t *testing.T) {
		child, out := runLocal(t, "--data", dir, "--duration", "3", "--rate", "50") // it ends when a line of progress is due
		first = stopped(t, child, out)
	})
	t.Run("to Ctrl-C", func(t *testing.T) {
		child, out := runLocal(t, "--data", dir, "--rate", "50", "--consumers", "1")
		out.await("warehoused")
		child.Signal(syscall.SIGINT)
		second = stopped(t, child, out)
	})
	if first == 0 || second <= first {
		t.Errorf("records put %d, then %d: the second run did not go on", first, second)
	}
	if objects, _ := filepath.Glob(filepath.Join(dir, "s3/objects/aforb-consumer-data/mandir-event-records/dt=20*/*.ndjson.gz")); len(objects) == 0 {
		t.Error("no objects where the output says they are")
	}
}

var progressLine = regexp.MustCompile(`put (\d+) .* warehoused (\d+) in`)

// stopped wants a clean end with everything warehoused, and returns the records put by all runs.
func stopped(t *testing.T, child *children.Child, out *output) int {
	t.Helper()
	if err := child.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := progressLine.FindAllStringSubmatch(out.String(), -1)
	if len(lines) == 0 || !strings.Contains(out.String(), "all is well") {
		t.Fatalf("no progress or no verification in\n%s", out)
	}
	if strings.Contains(out.String(), "no progress known") {
		t.Errorf("a look at the progress failed:\n%s", out)
	}
	last := lines[len(lines)-1]
	if last[1] != last[2] {
		t.Errorf("at the end: %s", last[0])
	}
	put, _ := strconv.Atoi(last[1])
	return put
}

func TestRunLocalGoesOnWithoutAConsumerThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, out := runLocal(t, "--data", dir, "--rate", "50")
	out.await("leases consumer-1")
	pid, err := strconv.Atoi(regexp.MustCompile(`consumer-1, process (\d+)`).FindStringSubmatch(out.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	out.await("consumer-1 ended by itself: signal: killed")
	testenv.Eventually(t, "consumer-2 does not take all shards", func() bool {
		return regexp.MustCompile(`leases consumer-2-\w+:0,1,2,3\n`).MatchString(out.String())
	})
	lookAround(t, dir)
	child.Signal(syscall.SIGINT)
	if child.Wait() == nil || !strings.Contains(out.String(), "all is well") {
		t.Errorf("want a good verification, and an exit code that tells of the end of consumer-1:\n%s", out)
	}
}

// lookAround runs an AWS program with the variables for another shell. It is early to verify, but not to read.
func lookAround(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("bash", "-c", `source "$1" && exec "$0" verify`, testenv.Build(t, "./consumer"), filepath.Join(dir, "aws.sh"))
	if out, err := cmd.CombinedOutput(); !strings.Contains(string(out), "\nrecords ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRunLocalLeavesNothingRunningWhenItIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells producer and consumers that their parent was killed")
	}
	t.Parallel()
	dir := t.TempDir()
	child, out := runLocal(t, "--data", dir, "--rate", "20")
	out.await("leases consumer-")
	addrs := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(out.String(), -1)
	child.Kill()
	for _, addr := range addrs {
		testenv.Eventually(t, addr+" still listens", func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
	}
	testenv.Eventually(t, "a process still works in the data directory", func() bool { return len(processes(t, dir)) == 0 })
}

// processes lists the processes that name dir in their arguments, as producer and servers do.
func processes(t *testing.T, dir string) (found []string) {
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		if args, err := os.ReadFile(file); err == nil && bytes.Contains(args, []byte(dir)) {
			found = append(found, file)
		}
	}
	return found
}

func TestRunLocalRefusesBadFlagsAllAtOnce(t *testing.T) {
	t.Parallel()
	child, out := runLocal(t, "--rate", "0", "--consumers", "0", "--duration=-1")
	if child.Wait() == nil {
		t.Error("no error")
	}
	for _, flag := range []string{"--rate", "--consumers", "--duration"} {
		out.await(flag + " ")
	}
}
