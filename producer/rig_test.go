package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/status"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// rig is a folder with the producer's files in it, and a stream that it writes to.
type rig struct {
	t        *testing.T
	dir      string
	endpoint string // of Kinesis, for the producer
	stream   string
	client   *kinesis.Client // past any proxy
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return &rig{t: t, dir: t.TempDir(), endpoint: testenv.Kinesis(t), stream: testenv.Name(t, "calls"), client: testenv.KinesisClient(t)}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// process is a producer that was started. Its standard error is also in log, as JSON lines.
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

// run is start and wait; another exit code than want ends the test.
func (r *rig) run(want int, args ...string) *process {
	r.t.Helper()
	p := r.start("", args...)
	if code := p.wait(); code != want {
		r.t.Fatalf("exit code %d, want %d", code, want)
	}
	return p
}

func (r *rig) summary() (s status.Summary) {
	r.t.Helper()
	text, err := os.ReadFile(r.path("summary.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ledger returns the entries by call_id.
func (r *rig) ledger() map[string][]string {
	r.t.Helper()
	file, err := os.Open(r.path("ledger.csv"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1 // a fourth only where a send had an unknown outcome
	lines, err := reader.ReadAll()
	if err != nil {
		r.t.Fatal(err)
	}
	entries := map[string][]string{}
	for _, line := range lines {
		entries[line[0]] = line
	}
	if len(entries) != len(lines) {
		r.t.Errorf("%d lines in the ledger, %d call_ids", len(lines), len(entries))
	}
	return entries
}

// record is one record of the stream.
type record struct {
	types.Record
	shardID string
}

// records reads the whole stream, shard by shard.
func (r *rig) records() (all []record) {
	r.t.Helper()
	listed, err := r.client.ListShards(r.t.Context(), &kinesis.ListShardsInput{StreamName: &r.stream})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, shard := range listed.Shards {
		at, err := r.client.GetShardIterator(r.t.Context(), &kinesis.GetShardIteratorInput{StreamName: &r.stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			r.t.Fatal(err)
		}
		for next := at.ShardIterator; next != nil; {
			page, err := r.client.GetRecords(r.t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				r.t.Fatal(err)
			}
			for _, one := range page.Records {
				all = append(all, record{one, *shard.ShardId})
			}
			if next = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
		}
	}
	return all
}

// verify returns what the stream has beyond the ledger and what that says there may be besides, by call_id: a machine
// that is busy enough makes a call time out, and its records come twice.
func (r *rig) verify() (unexplained map[string]int) {
	r.t.Helper()
	entries, unexplained := r.ledger(), map[string]int{}
	for id, n := range r.beyond() {
		if entry := entries[id]; len(entry) == 4 {
			unknown, _ := strconv.Atoi(entry[3])
			n -= unknown
		}
		if n > 0 {
			unexplained[id] = n
		}
	}
	return unexplained
}

// beyond compares the ledger with the stream: every entry is there, where it says, as an event; what the stream has
// beyond the ledger is returned, by call_id.
func (r *rig) beyond() (beyond map[string]int) {
	r.t.Helper()
	entries, found := r.ledger(), map[string]bool{}
	beyond = map[string]int{}
	for _, one := range r.records() {
		e, err := event.Parse(one.Data)
		if err != nil || e.CallID != aws.ToString(one.PartitionKey) {
			r.t.Errorf("the stream has %.80q under partition key %q: %v", one.Data, aws.ToString(one.PartitionKey), err)
		}
		if entry := entries[e.CallID]; entry != nil && entry[1] == one.shardID && entry[2] == *one.SequenceNumber {
			found[e.CallID] = true
		} else {
			beyond[e.CallID]++
		}
	}
	if len(found) != len(entries) {
		r.t.Errorf("the stream has %d of the ledger's %d records", len(found), len(entries))
	}
	return beyond
}

func (r *rig) wantSpread(perShard map[string]uint64, shards int) {
	r.t.Helper()
	low, high := ^uint64(0), uint64(0)
	for _, n := range perShard {
		low, high = min(low, n), max(high, n)
	}
	if high-low > 1 || len(perShard) != shards {
		r.t.Errorf("records per shard: %v", perShard)
	}
}

func (r *rig) lines(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "{\"event\":{\"property\":{\"call_id\":\"line-%d\"}},\"user\":{\"user_id\":\"%d\"}}\n", i, i)
	}
	return text.String()
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
