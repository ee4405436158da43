package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // they mostly wait
	testenv.Main(m)
}

const (
	prefix       = "records/"
	errorsPrefix = "errors/"
	stopGrace    = 30 * time.Second
)

// pipeline is a stream, a lease table and a bucket of one test, and the programs that work on them.
type pipeline struct {
	*testing.T
	env                 []string
	stream, app, bucket string
	ledger              string
}

func newPipeline(t *testing.T, kinesisURL string) *pipeline {
	endpoints := servers.Endpoints{Kinesis: kinesisURL, DynamoDB: testenv.DynamoDB(t), S3: testenv.S3(t)}
	return &pipeline{
		T:      t,
		env:    endpoints.Environ(),
		stream: testenv.Name(t, "stream"),
		app:    testenv.Name(t, "app"),
		bucket: testenv.Bucket(t),
		ledger: filepath.Join(t.TempDir(), "ledger.csv"),
	}
}

// program is a running binary. Its test fails if it panics or races.
type program struct {
	*children.Child
	p    *pipeline
	name string
}

func (p *pipeline) start(name, binary string, args ...string) program {
	p.Helper()
	child, err := children.StartProgram(p.log(name), p.env, binary, args...)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(child.Kill)
	return program{child, p, name}
}

func (p *pipeline) producer(rate, count int, more ...string) program {
	return p.start("producer", testenv.Build(p, "./producer"), append([]string{"--stream", p.stream, "--ledger", p.ledger,
		"--spill", p.ledger + ".spill", "--rate", strconv.Itoa(rate), "--count", strconv.Itoa(count)}, more...)...)
}

// consumer uses short intervals, so that many objects are cut and leases move while the records flow.
func (p *pipeline) consumer(name string, more ...string) program {
	args := []string{"--stream", p.stream, "--app", p.app, "--worker-id", name,
		"--bucket", p.bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix,
		"--flush-interval", "500ms", "--lease-duration", "3s", "--sync-interval", "200ms"}
	return p.start(name, testenv.Build(p, "./consumer"), append(args, more...)...)
}

// terminate sends SIGTERM and wants a clean exit.
func (c program) terminate() {
	c.p.Helper()
	if err := c.Stop(stopGrace); err != nil {
		c.p.Errorf("%s did not stop cleanly: %v", c.name, err)
	}
}

// finish waits until the program ends by itself and wants a clean exit.
func (c program) finish() {
	c.p.Helper()
	select {
	case <-c.Ended():
		if err := c.Wait(); err != nil {
			c.p.Fatalf("%s: %v", c.name, err)
		}
	case <-time.After(2 * time.Minute):
		c.p.Fatalf("%s does not end", c.name)
	}
}

// stored returns the records in all objects, by their metadata.
func (p *pipeline) stored() int {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	all := servers.Stored{Client: testenv.S3Client(p), Bucket: p.bucket, Prefix: prefix + "dt="}
	if err := all.Update(ctx); err != nil {
		p.Fatal(err)
	}
	return all.Records
}

// awaitStored waits until at least n records are in objects.
func (p *pipeline) awaitStored(n int) {
	p.Helper()
	testenv.Eventually(p, "fewer than "+strconv.Itoa(n)+" records were warehoused", func() bool { return p.stored() >= n })
}

// awaitOwners waits until each of the workers owns at least one shard.
func (p *pipeline) awaitOwners(workers ...string) {
	p.Helper()
	testenv.Eventually(p, "not all of "+strings.Join(workers, ", ")+" own shards", func() bool {
		owners, err := servers.Owners(context.Background(), testenv.DynamoDBClient(p), p.app)
		if err != nil {
			return false
		}
		ids := strings.Join(slices.Collect(maps.Values(owners)), " ")
		missing := func(worker string) bool { return !strings.Contains(ids, worker+"-") } // the id has a random part, too
		return !slices.ContainsFunc(workers, missing)
	})
}

// report is what consumer verify says.
type report struct {
	Records       int
	DeadLetters   int `json:"dead_letters"`
	Resent        int
	CopiesDropped int `json:"copies_dropped"`
	Suspected     int `json:"suspected_copies"`
	NotInLedger   int `json:"not_in_ledger"`
	Compared      int `json:"links_compared"`
	Uncompared    int `json:"links_uncompared"`
	Faults        map[string]int
}

// audit runs consumer verify as a user does, against the ledger, and wants it to find nothing wrong.
func (p *pipeline) audit(more ...string) (r report, out []byte) {
	p.Helper()
	cmd := exec.Command(testenv.Build(p, "./consumer"), append([]string{"verify", "--app", p.app, "--bucket", p.bucket, "--prefix", prefix,
		"--errors-prefix", errorsPrefix, "--ledger", p.ledger, "--json"}, more...)...)
	cmd.Env = p.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.Errorf("verify: %v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		p.Fatalf("verify: %v in %s", err, out)
	}
	return r, out
}

// verify audits against the ledger and the stream, and wants every record exactly once and nothing off.
func (p *pipeline) verify(records int) {
	p.Helper()
	report, out := p.audit("--stream", p.stream)
	if report.Records != records || report.DeadLetters+report.Resent+report.NotInLedger != 0 {
		p.Errorf("want %d records and nothing else in\n%s", records, out)
	}
	if report.Compared == 0 || report.Uncompared != 0 {
		p.Errorf("want all links compared with the stream in\n%s", out)
	}
	for _, fault := range []string{"lost", "duplicates", "out_of_order"} {
		if n, checked := report.Faults[fault]; n != 0 || !checked {
			p.Errorf("%s: %d, checked: %v", fault, n, checked)
		}
	}
	p.verifySpread(records)
}

var shardID = regexp.MustCompile(`shardId-\d+`)

// verifySpread reads the ledger: all records are in it, and no two of the four shards differ by more than one.
func (p *pipeline) verifySpread(records int) {
	p.Helper()
	data, err := os.ReadFile(p.ledger)
	if err != nil {
		p.Fatal(err)
	}
	counts := make(map[string]int)
	for _, shard := range shardID.FindAllString(string(data), -1) {
		counts[shard]++
	}
	if lines := bytes.Count(data, []byte("\n")); lines != records {
		p.Errorf("%d lines in the ledger, want %d", lines, records)
	}
	for _, n := range counts {
		if len(counts) != 4 || n != records/4 && n != (records+3)/4 {
			p.Errorf("records by shard %v: want an even spread over 4", counts)
			break
		}
	}
}

// log passes a program's lines on to the test, and fails it on a line that must not be there.
func (p *pipeline) log(name string) *children.Lines {
	return &children.Lines{Each: func(line string) error {
		p.Logf("%s: %s", name, line)
		if strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") {
			p.Errorf("%s: %s", name, line)
		}
		return nil
	}}
}
