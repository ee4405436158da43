package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

const shard = "shardId-000000000000"

// verified is a warehouse with all that it can be compared with. It has three records, each a link.
type verified struct {
	app, stream, bucket, ledger string
	numbers                     []sequence.Number
	store                       *warehouse.Store
}

func newVerified(t *testing.T) *verified {
	t.Helper()
	v := &verified{app: testenv.Name(t, "app"), stream: testenv.Stream(t, 1), bucket: testenv.Bucket(t)}
	v.store = v.newStore(t, v.bucket)
	ledger := ""
	for n := range 3 {
		out, err := testenv.KinesisClient(t).PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: &v.stream, PartitionKey: aws.String("p"), Data: line(n),
		})
		if err != nil {
			t.Fatal(err)
		}
		v.numbers = append(v.numbers, sequence.Number(*out.SequenceNumber))
		ledger += fmt.Sprintf("call-%d,%s,%s\n", n, shard, *out.SequenceNumber)
	}
	link := commit(t, v.store, warehouse.Place{Shard: shard, Previous: v.numbers[0].Before(), Day: warehouse.FirstDay}, "")
	for i, n := range v.numbers {
		link = commit(t, v.store, link.Next(), n, line(i))
	}
	v.ledger = filepath.Join(t.TempDir(), "ledger.csv")
	if err := os.WriteFile(v.ledger, []byte(ledger), 0o600); err != nil {
		t.Fatal(err)
	}
	v.newTable(t, link)
	return v
}

func (v *verified) newStore(t *testing.T, bucket string) *warehouse.Store {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return warehouse.NewStore(warehouse.Config{
		Application: v.app, Stream: "stream", Writer: "w", Location: warehouse.Location{Bucket: bucket, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSONGzip, Timeout: 5 * time.Second,
	}, testenv.S3Client(t), warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log))
}

func line(n int) []byte {
	return fmt.Appendf(nil, `{"event":{"property":{"call_id":"call-%d"}},"user":{"user_id":5}}`, n)
}

// newTable makes the lease table, with the checkpoint after a link.
func (v *verified) newTable(t *testing.T, tip warehouse.Link) {
	t.Helper()
	client := testenv.DynamoDBClient(t)
	table := lease.NewDynamoDB(client, v.app, lease.Application{InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{tip.Location.String()}})
	if err := table.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{}
	for name, value := range map[string]string{"ShardID": shard, "Checkpoint": tip.Last.String(), "CheckpointDay": tip.NextDay} {
		item[name] = &types.AttributeValueMemberS{Value: value}
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &v.app, Item: item}); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, store *warehouse.Store, at warehouse.Place, n sequence.Number, lines ...[]byte) warehouse.Link {
	t.Helper()
	b := store.NewBatch()
	b.Begin(at)
	if !n.IsZero() {
		b.Append(n)
		for _, line := range lines {
			if err := b.AddLine(append(line, '\n')); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Seal(warehouse.Day(time.Now())); err != nil {
		t.Fatal(err)
	}
	if outcome, err := store.Create(t.Context(), time.Now().Add(time.Hour), b); outcome != warehouse.Done {
		t.Fatalf("%s: %v", outcome, err)
	}
	return store.Link(b)
}

// verify returns the exit code and both outputs.
func (v *verified) verify(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	flags := []string{"verify", "--app", v.app, "--bucket", v.bucket, "--errors-prefix", "e/"}
	if !slices.Contains(args, "--prefix") {
		flags = append(flags, "--prefix", "r/")
	}
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), append(flags, args...)...)
	cmd.Env = testenv.Env(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestVerifyExitCodesAndOutput(t *testing.T) {
	t.Parallel()
	v := newVerified(t)
	everything := []string{"--ledger", v.ledger, "--stream", v.stream}
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"everything": {everything, 0, "\nall is well\n"},
		"no ledger":  {[]string{"--stream", v.stream}, 0, "\nall is well\n"},
		"no stream":  {[]string{"--ledger", v.ledger}, 2, "not checked (0 of 3 links), needs the stream\n"},
		"nothing":    {nil, 2, "not checked (0 of 3 links), needs a ledger or the stream\n"},
		"no table":   {append(slices.Clone(everything), "--app", "absent-table"), 2, `not checked (1 of 1 chains), needs the lease table "absent-table", which does not exist`},
		"no table, and that is allowed": {append(slices.Clone(everything), "--app", "absent-table", "--allow-unchecked"), 0,
			"\nnothing wrong was found, but not everything was checked, see above\n"},
		"two buckets": {append(slices.Clone(everything), "--prefix", "s3://"+testenv.Bucket(t)+"/r/", "--prefix", "s3://"+v.bucket+"/r/"), 0, "\nall is well\n"},
	} {
		if code, out, errOut := v.verify(t, tc.args...); code != tc.code || errOut != "" || !strings.Contains(out, tc.says) {
			t.Errorf("%s: code %d, want %d and %q\n%s%s", name, code, tc.code, tc.says, out, errOut)
		}
	}

	key := warehouse.Place{Shard: shard, Previous: v.numbers[0], Day: warehouse.Day(time.Now())}.Key("r/", warehouse.NDJSONGzip)
	if _, err := testenv.S3Client(t).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &v.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := v.verify(t, "--ledger", v.ledger, "--allow-unchecked"); code != 1 || !strings.Contains(out, "\n  lost: sequence number "+v.numbers[1].String()+" of "+shard) {
		t.Errorf("an object is gone: code %d\n%s", code, out)
	}
	code, out, _ := v.verify(t, append(slices.Clone(everything), "--json")...)
	var report audit.Report
	if err := json.Unmarshal([]byte(out), &report); code != 1 || err != nil || report.Verdict != audit.Faulty || report.Faults[audit.Lost] != 1 || len(report.Unchecked) != 0 {
		t.Errorf("as JSON: code %d, %v\n%s", code, err, out)
	}
}

// The newest object is gone, and there is neither ledger nor stream. It was well before the lease table was read.
func TestVerifyMissesTheNewestObject(t *testing.T) {
	t.Parallel()
	v := newVerified(t)
	key := warehouse.Place{Shard: shard, Previous: v.numbers[1], Day: warehouse.Day(time.Now())}.Key("r/", warehouse.NDJSONGzip)
	if _, err := testenv.S3Client(t).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &v.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := v.verify(t); code != 1 || !strings.Contains(out, "its checkpoint is "+v.numbers[2].String()+": links are missing") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// A chain goes on in another bucket. One --bucket could not name both.
func TestVerifyFollowsAChainIntoAnotherBucket(t *testing.T) {
	t.Parallel()
	v := newVerified(t)
	second := testenv.Bucket(t)
	commit(t, v.newStore(t, second), warehouse.Place{Shard: shard, Previous: v.numbers[2], Day: warehouse.Day(time.Now())}, after(v.numbers[2]), line(9))
	args := []string{"--prefix", "r/", "--prefix", "s3://" + second + "/r/", "--errors-prefix", "s3://" + second + "/e/", "--json"}
	code, out, errOut := v.verify(t, args...)
	var report audit.Report
	if err := json.Unmarshal([]byte(out), &report); code != 2 || err != nil || report.Records != 4 || !report.OK() {
		t.Errorf("code %d, %v\n%s%s", code, err, out, errOut)
	}
}

func after(n sequence.Number) sequence.Number {
	value, _ := new(big.Int).SetString(n.String(), 10)
	return sequence.Number(value.Add(value, big.NewInt(1)).String())
}

// What others wrote reaches no terminal as it is: names, metadata, and what cannot be decoded.
func TestVerifyPrintsNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	v := newVerified(t)
	const escape = "\x1b[2J\u009b2J"
	for key, metadata := range map[string]map[string]string{
		"r/" + escape: nil, "r/dt=2026-11-24/" + escape + "-after-" + sequence.Number("5").Padded() + ".ndjson": nil, "e/" + escape: nil,
		"r/dt=2026-11-24/" + shard + "-after-" + sequence.Number("5").Padded() + ".ndjson": {"shard": "x y", "records": "%1b[2J"},
	} {
		if _, err := testenv.S3Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &v.bucket, Key: &key, Metadata: maps.Clone(metadata)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{nil, {"--json"}} {
		code, out, errOut := v.verify(t, args...)
		if code != 1 || strings.ContainsAny(out+errOut, "\x1b\u009b") || !strings.Contains(out, `\u009b2J`) { // S3 itself escapes the other one
			t.Errorf("%q: code %d\n%q%q", args, code, out, errOut)
		}
	}
}

func TestWhatVerifyCannotFindOut(t *testing.T) {
	t.Parallel()
	v := newVerified(t)
	for name, args := range map[string][]string{
		"no such bucket":  {"--bucket", "absent"},
		"no such stream":  {"--stream", "absent"},
		"no such ledger":  {"--ledger", "/absent"},
		"no such flag":    {"--nothing"},
		"no objects":      {"--bucket", testenv.Bucket(t)},
		"half a prefix":   {"--prefix", "r"},
		"half a location": {"--prefix", "s3://bucket"},
		"no table name":   {"--app", "a"},
		"empty bucket":    {"--bucket", ""},
	} {
		if code, out, errOut := v.verify(t, args...); code != 3 || out != "" || !strings.HasPrefix(errOut, "verify: ") {
			t.Errorf("%s: code %d, %q, %q", name, code, out, errOut)
		}
	}
}
