package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/sequence"
)

const shard = "shardId-000000000000"

type leased struct{}

func (leased) Deadline() time.Time { return time.Now().Add(time.Minute) }

// newWarehouse starts an S3 server, points the AWS environment to it, and stores the records 1 to 3, one a link.
func newWarehouse(t *testing.T) (client *s3.Client, ledger string) {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client = awsclient.S3(cfg)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("calls")}); err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	store := warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "stream", Writer: "w", Location: warehouse.Location{Bucket: "calls", Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSONGzip, Timeout: 5 * time.Second,
	}, client, warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log))
	link := commit(t, store, warehouse.Place{Shard: shard, Previous: "0", Day: warehouse.FirstDay}, "")
	for _, n := range []sequence.Number{"1", "2", "3"} {
		link = commit(t, store, link.Next(), n)
		ledger += fmt.Sprintf("call-%s,%s,%s\n", n, shard, n)
	}
	file := filepath.Join(t.TempDir(), "ledger.csv")
	if err := os.WriteFile(file, []byte(ledger), 0o600); err != nil {
		t.Fatal(err)
	}
	return client, file
}

func commit(t *testing.T, store *warehouse.Store, at warehouse.Place, n sequence.Number) warehouse.Link {
	t.Helper()
	b := store.NewBatch()
	b.Begin(at)
	if !n.IsZero() {
		b.Take(n)
		if err := b.Add(fmt.Appendf(nil, `{"event":{"property":{"call_id":"call-%s"}},"user":{"user_id":5}}`+"\n", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal("2026-11-24"); err != nil {
		t.Fatal(err)
	}
	link, err := store.Commit(t.Context(), leased{}, b)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// run returns the exit code and both outputs.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = realMain(t.Context(), append([]string{"--bucket", "calls", "--prefix", "r/", "--errors-prefix", "e/"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestExitCodesAndOutput(t *testing.T) {
	client, ledger := newWarehouse(t)
	if code, out, errOut := run(t, "--ledger", ledger); code != 0 || errOut != "" || !strings.HasSuffix(out, "\nall is well\n") {
		t.Errorf("a sound warehouse: code %d\n%s%s", code, out, errOut)
	}
	if code, out, _ := run(t); code != 0 || !strings.Contains(out, "not checked without a ledger or the stream") {
		t.Errorf("without a ledger: code %d\n%s", code, out)
	}
	key := warehouse.Place{Shard: shard, Previous: "1", Day: "2026-11-24"}.Key("r/", warehouse.NDJSONGzip)
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("calls"), Key: &key}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := run(t, "--ledger", ledger); code != 1 || !strings.Contains(out, "\n  lost: sequence number 2 of "+shard) {
		t.Errorf("an object is gone: code %d\n%s", code, out)
	}
	code, out, _ := run(t, "--ledger", ledger, "--json")
	var report warehouse.Report
	if err := json.Unmarshal([]byte(out), &report); code != 1 || err != nil || report.Faults[warehouse.Lost] != 1 {
		t.Errorf("as JSON: code %d, %v\n%s", code, err, out)
	}
}

func TestWhatCannotBeFoundOut(t *testing.T) {
	client, _ := newWarehouse(t)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("other")}); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no such bucket": {"--bucket", "absent"},
		"no such ledger": {"--ledger", "/absent"},
		"no such flag":   {"--nothing"},
		"no objects":     {"--bucket", "other"},
		"half a prefix":  {"--prefix", "r"},
		"empty bucket":   {"--bucket", ""},
	} {
		if code, out, errOut := run(t, args...); code != 2 || out != "" || !strings.HasPrefix(errOut, "verify: ") {
			t.Errorf("%s: code %d, %q, %q", name, code, out, errOut)
		}
	}
}
