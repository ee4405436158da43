package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// The bucket takes no more objects. The real consumer tells it within a minute: by metric, probe, page and log. It is not
// to be restarted. When the bucket takes objects again, everything is there once. Seen to fail when create does not note its
// failures.
func TestAStandstillIsTold(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, testenv.Kinesis(t))
	proxy, err := faults.Listen(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	p.producer(100, 200).finish()

	address := servers.FreeAddr()
	at := "http://" + address
	p.env = servers.Endpoints{Kinesis: testenv.Kinesis(t), DynamoDB: testenv.DynamoDB(t), S3: proxy.URL()}.Environ()
	consumer := p.consumer("a", "--http", address)
	p.awaitStored(200)
	if code, body := get(t, at+"/readyz"); code != 200 {
		t.Errorf("not ready: %d %s", code, body)
	}
	denied := proxy.Add(faults.Rule{Operation: "PUT", Fault: faults.XMLError(403, "AccessDenied")})
	p.producer(100, 200).finish()
	began := time.Now()
	var body string
	testenv.Eventually(t, "the probe does not tell", func() (told bool) {
		code, text := get(t, at+"/readyz")
		body = text
		return code == 503 && strings.Contains(text, "shardId-000000000000") // one shard after the other
	})
	t.Logf("told after %v:\n%s", time.Since(began).Round(time.Second), body)
	for _, want := range []string{"s3_denied", "shardId-000000000000", "allow s3:PutObject"} {
		if !strings.Contains(body, want) {
			t.Errorf("the probe does not say %q", want)
		}
	}
	if code, body := get(t, at+"/healthz"); code != 200 {
		t.Errorf("to be restarted: %s", body)
	}
	_, metrics := get(t, at+"/metrics")
	for _, want := range []string{`callevents_shard_blocked{reason="s3_denied",shard="shardId-000000000000"} 1`,
		`callevents_oldest_uncommitted_seconds{shard="shardId-000000000000"}`, `callevents_retention_headroom_seconds{shard="shardId-000000000000"}`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
	if _, page := get(t, at+"/"); !strings.Contains(page, "stands still") {
		t.Error("the status page does not tell")
	}
	denied.Remove()
	p.awaitStored(400)
	consumer.terminate()
	p.verify(400)
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
