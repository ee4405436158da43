package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

const shard = "shardId-000000000000"

// newWarehouse stores the records 1 to 3, one a link, and returns the producer's ledger.
func newWarehouse(t *testing.T) (bucket, ledger string) {
	t.Helper()
	bucket = testenv.Bucket(t)
	log := logrus.New()
	log.SetOutput(io.Discard)
	store := warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "stream", Writer: "w", Location: warehouse.Location{Bucket: bucket, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSONGzip, Timeout: 5 * time.Second,
	}, testenv.S3Client(t), warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log))
	link := commit(t, store, warehouse.Place{Shard: shard, Previous: "0", Day: warehouse.FirstDay}, "")
	for _, n := range []sequence.Number{"1", "2", "3"} {
		link = commit(t, store, link.Next(), n)
		ledger += fmt.Sprintf("call-%s,%s,%s\n", n, shard, n)
	}
	file := filepath.Join(t.TempDir(), "ledger.csv")
	if err := os.WriteFile(file, []byte(ledger), 0o600); err != nil {
		t.Fatal(err)
	}
	return bucket, file
}

func commit(t *testing.T, store *warehouse.Store, at warehouse.Place, n sequence.Number) warehouse.Link {
	t.Helper()
	b := store.NewBatch()
	b.Begin(at)
	if !n.IsZero() {
		b.Append(n)
		if err := b.AddLine(fmt.Appendf(nil, `{"event":{"property":{"call_id":"call-%s"}},"user":{"user_id":5}}`+"\n", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal("2026-11-24"); err != nil {
		t.Fatal(err)
	}
	if outcome, err := store.Create(t.Context(), time.Now().Add(time.Hour), b); outcome != warehouse.Done {
		t.Fatalf("%s: %v", outcome, err)
	}
	link := store.Link(b)
	return link
}

// verify returns the exit code and both outputs.
func verify(t *testing.T, bucket string, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"),
		append([]string{"verify", "--bucket", bucket, "--prefix", "r/", "--errors-prefix", "e/"}, args...)...)
	cmd.Env = testenv.Env(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestVerifyExitCodesAndOutput(t *testing.T) {
	bucket, ledger := newWarehouse(t)
	if code, out, errOut := verify(t, bucket, "--ledger", ledger); code != 0 || errOut != "" || !strings.HasSuffix(out, "\nall is well\n") {
		t.Errorf("a sound warehouse: code %d\n%s%s", code, out, errOut)
	}
	if code, out, _ := verify(t, bucket); code != 0 || !strings.Contains(out, "not checked without a ledger or the stream") {
		t.Errorf("without a ledger: code %d\n%s", code, out)
	}
	key := warehouse.Place{Shard: shard, Previous: "1", Day: "2026-11-24"}.Key("r/", warehouse.NDJSONGzip)
	if _, err := testenv.S3Client(t).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := verify(t, bucket, "--ledger", ledger); code != 1 || !strings.Contains(out, "\n  lost: sequence number 2 of "+shard) {
		t.Errorf("an object is gone: code %d\n%s", code, out)
	}
	code, out, _ := verify(t, bucket, "--ledger", ledger, "--json")
	var report audit.Report
	if err := json.Unmarshal([]byte(out), &report); code != 1 || err != nil || report.Faults[audit.Lost] != 1 {
		t.Errorf("as JSON: code %d, %v\n%s", code, err, out)
	}
}

func TestWhatVerifyCannotFindOut(t *testing.T) {
	bucket, _ := newWarehouse(t)
	for name, args := range map[string][]string{
		"no such bucket": {"--bucket", "absent"},
		"no such ledger": {"--ledger", "/absent"},
		"no such flag":   {"--nothing"},
		"no objects":     {"--bucket", testenv.Bucket(t)},
		"half a prefix":  {"--prefix", "r"},
		"empty bucket":   {"--bucket", ""},
	} {
		if code, out, errOut := verify(t, bucket, args...); code != 2 || out != "" || !strings.HasPrefix(errOut, "verify: ") {
			t.Errorf("%s: code %d, %q, %q", name, code, out, errOut)
		}
	}
}
