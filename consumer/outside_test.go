package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// distributesItself makes a stream say that its record distribution is AUTO.
func distributesItself(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	answer := httptest.NewRecorder()
	pass.ServeHTTP(answer, r)
	summary := []byte(`"StreamDescriptionSummary":{`)
	body := bytes.Replace(answer.Body.Bytes(), summary, append(summary, `"RecordDistributionStrategy":"AUTO",`...), 1)
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, bytes.NewReader(body))
}

// putOutside puts a container of ten events of the first of two shards into the second.
func (r *rig) putOutside(t *testing.T) {
	t.Helper()
	container := kpl.NewAggregator(1 << 20)
	for i := range 10 {
		container.Add(fmt.Sprint("key ", i), hashkey.Key{}, line(i))
	}
	_, err := testenv.KinesisClient(t).PutRecord(t.Context(), &kinesis.PutRecordInput{
		StreamName: &r.args[1], PartitionKey: aws.String("p"), ExplicitHashKey: aws.String(hashkey.Max().String()), Data: container.Flush(nil)})
	if err != nil {
		t.Fatal(err)
	}
}

// consumeTen runs a consumer until it has committed a link of ten records.
func (r *rig) consumeTen(t *testing.T) {
	t.Helper()
	c := r.start(t, "--flush-records", "10", "--lease-duration", "2s")
	testenv.Eventually(t, "commits no ten records", func() bool { return c.said("cause=records") || !c.Running() })
	if err := c.Stop(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, c.all())
	}
}

// command runs another command of the consumer against the same servers.
func (r *rig) command(t *testing.T, name string, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), slices.Concat([]string{name}, r.args, args)...)
	cmd.Env = append(servers.Endpoints{Kinesis: r.proxies["Kinesis"].URL(), DynamoDB: r.proxies["DynamoDB"].URL(), S3: r.proxies["S3"].URL()}.Environ(), r.env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// wantWell wants verify to find so many records and dead letters, all of them right.
func (r *rig) wantWell(t *testing.T, records, deadLetters int) {
	t.Helper()
	code, out, errOut := r.command(t, "verify", "--json")
	var report audit.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Records != records || report.DeadLetters != deadLetters {
		t.Errorf("exit code %d, %d records, %d dead letters, %v; want 0, %d, %d\n%s%s",
			code, report.Records, report.DeadLetters, err, records, deadLetters, out, errOut)
	}
}

// Seen to fail: 10 of 10 records were in no object and no dead letter, on both kinds of stream, and all was well.
func TestRecordsOutsideTheirShardAreStoredOrRedriven(t *testing.T) {
	t.Parallel()
	t.Run("the producer chooses the shard", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.putOutside(t)
		r.consumeTen(t)
		r.wantWell(t, 0, 10)
		if code, _, errOut := r.command(t, "redrive", "--reason", "outside_shard"); code != 0 {
			t.Fatalf("exit code %d\n%s", code, errOut)
		}
		r.consumeTen(t)
		r.wantWell(t, 10, 10)
	})
	t.Run("the stream distributes by itself", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.proxies["Kinesis"].Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: distributesItself})
		r.putOutside(t)
		r.consumeTen(t)
		r.wantWell(t, 10, 0)
	})
}
