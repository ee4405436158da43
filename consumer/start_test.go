package main_test

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// rig is a consumer to start, with a fault proxy before each service.
type rig struct {
	proxies map[string]*faults.Proxy // by service
	args    []string
	env     []string // beside the proxies
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{proxies: map[string]*faults.Proxy{}}
	for service, url := range map[string]string{"Kinesis": testenv.Kinesis(t), "DynamoDB": testenv.DynamoDB(t), "S3": testenv.S3(t)} {
		proxy, err := faults.Listen(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		r.proxies[service] = proxy
	}
	r.args = []string{"--stream", testenv.Stream(t, 2), "--app", testenv.Name(t, "app"), "--bucket", testenv.Bucket(t)}
	return r
}

// consumer is a started consumer and what it has said.
type consumer struct {
	*children.Child
	mu   sync.Mutex
	text strings.Builder
}

func (c *consumer) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *consumer) said(text string) bool { return strings.Contains(c.all(), text) }

func (c *consumer) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// start starts a consumer; further args come after those of the rig.
func (r *rig) start(t *testing.T, args ...string) *consumer {
	t.Helper()
	c := &consumer{}
	cmd := exec.Command(testenv.Build(t, "./consumer"), slices.Concat(r.args, args)...)
	cmd.Env = servers.Endpoints{Kinesis: r.proxies["Kinesis"].URL(), DynamoDB: r.proxies["DynamoDB"].URL(), S3: r.proxies["S3"].URL()}.Environ()
	cmd.Env = append(cmd.Env, r.env...)
	cmd.Stderr = c
	child, err := children.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	c.Child = child
	return c
}

// wantEnd wants the consumer to end with exit code 1, and to say why.
func (c *consumer) wantEnd(t *testing.T, says ...string) {
	t.Helper()
	testenv.Eventually(t, "the consumer runs on", func() bool { return !c.Running() })
	for _, text := range says {
		if !c.said(text) {
			t.Errorf("does not say %q", text)
		}
	}
	if err := c.Wait(); err == nil || err.Error() != "exit status 1" || t.Failed() {
		t.Errorf("ended with %v\n%s", err, c.all())
	}
}

// alternately answers with one fault and then with the other.
func alternately(a, b faults.Fault) faults.Fault {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if n.Add(1)%2 == 0 {
			a(w, r, pass)
			return
		}
		b(w, r, pass)
	}
}

// What may pass by itself at a start, by service. A nil fault is a port that nobody listens on. Seen to fail for all of
// them: the consumer ended after 1.5 s (throttled, 5xx) or 16 s (no answer).
func TestAStartWaitsForWhatPasses(t *testing.T) {
	t.Parallel()
	json, xml := faults.JSONError, faults.XMLError
	for service, kinds := range map[string]map[string]faults.Fault{
		"Kinesis": {"hangs": faults.Hang(), "down": nil, "cut": faults.Cut(), "throttled": json(400, "LimitExceededException"),
			"5xx": alternately(json(500, "InternalFailure"), json(503, "ServiceUnavailable"))},
		"DynamoDB": {"hangs": faults.Hang(), "down": nil, "cut": faults.Cut(), "throttled": json(400, "ThrottlingException"),
			"5xx": alternately(json(500, "InternalServerError"), json(503, "ServiceUnavailable"))},
		"S3": {"hangs": faults.Hang(), "down": nil, "cut": faults.Cut(), "throttled": xml(503, "SlowDown"),
			"5xx": alternately(xml(500, "InternalError"), xml(503, "ServiceUnavailable"))},
	} {
		for kind, fault := range kinds {
			t.Run(service+" "+kind, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				proxy := r.proxies[service]
				if fault == nil {
					proxy.Down()
				} else {
					proxy.Add(faults.Rule{Fault: fault})
				}
				c := r.start(t)
				waits := map[string]string{"Kinesis": "the start waits for the stream", "DynamoDB": "the start waits for the lease table",
					"S3": "the start waits for the bucket"}[service]
				testenv.Eventually(t, "does not say that it waits", func() bool { return c.said(waits) || !c.Running() })
				proxy.Clear()
				if err := proxy.Up(); err != nil {
					t.Fatal(err)
				}
				testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
				if err := c.Stop(20 * time.Second); err != nil {
					t.Errorf("%v\n%s", err, c.all())
				}
			})
		}
	}
}

// What a person must mend ends a start at once, and says what to do. The requests to DynamoDB and S3, one by one, are in
// the tests of packages lease and warehouse. Seen to fail for GetRecords, GetShardIterator and ListShards, which were not
// tried: the consumer was ready and read nothing.
func TestWhatAPersonMustMendEndsAStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service, operation string
		fault              faults.Fault
		want               string
	}{
		"describe":    {"Kinesis", "DescribeStreamSummary", faults.JSONError(400, "AccessDeniedException"), "allow kinesis:DescribeStreamSummary on the stream"},
		"list":        {"Kinesis", "ListShards", faults.JSONError(400, "AccessDeniedException"), "allow kinesis:ListShards"},
		"iterator":    {"Kinesis", "GetShardIterator", faults.JSONError(400, "AccessDeniedException"), "allow kinesis:GetShardIterator"},
		"read":        {"Kinesis", "GetRecords", faults.JSONError(400, "AccessDeniedException"), "allow kinesis:GetRecords"},
		"key":         {"Kinesis", "GetRecords", faults.JSONError(400, "KMSAccessDeniedException"), "kms:Decrypt"},
		"credentials": {"Kinesis", "", faults.JSONError(400, "UnrecognizedClientException"), "renew them"},
		"table":       {"DynamoDB", "", faults.JSONError(400, "AccessDeniedException"), "allow dynamodb:DescribeTable on the table"},
		"bucket":      {"S3", "", faults.XMLError(403, "AccessDenied"), "allow s3:ListBucket"},
		"no bucket":   {"S3", "", faults.XMLError(404, "NoSuchBucket"), "create the bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.proxies[c.service].Add(faults.Rule{Operation: c.operation, Fault: c.fault})
			child := r.start(t)
			child.wantEnd(t, c.want)
			if child.said("the start waits for") && !child.said("it is being made") {
				t.Errorf("waited\n%s", child.all())
			}
			if n := r.proxies["S3"].Counts()["PUT"] + r.proxies["DynamoDB"].Counts()["UpdateItem"]; n > 0 {
				t.Errorf("%d writes of a start that was denied something", n)
			}
		})
	}
}

// A machine without credentials and without an instance role.
func TestAStartWithoutCredentialsEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.env = []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1"}
	c := r.start(t)
	c.wantEnd(t, "no AWS credentials")
	if c.said("the start waits for") {
		t.Error("it waited")
	}
}

// Seen to fail when each wait had the whole time.
func TestAStartWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proxies["S3"].Add(faults.Rule{Fault: faults.Drop()})
	r.start(t, "--start-timeout", "2s").wantEnd(t, "the bucket, longer than --start-timeout allows", "list mandir-event-records/dt=")
}

// Shards that are busy or gone end no start. Seen to fail when their answers counted as errors.
func TestOneShardEndsNoStart(t *testing.T) {
	t.Parallel()
	for operation, code := range map[string]string{"GetShardIterator": "ResourceNotFoundException", "GetRecords": "ProvisionedThroughputExceededException"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.proxies["Kinesis"].Add(faults.Rule{Operation: operation, Fault: faults.JSONError(400, code)})
			c := r.start(t)
			testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
			if !c.Running() || c.said("the start waits for the stream") {
				t.Error(c.all())
			}
		})
	}
}

// A person forgets --app. The start fails, and the application that is there goes on as if nothing had been. Seen to
// fail when the prefix of the failed start stood in the lease table, and when its probes lay in the bucket.
func TestAStartOnAnotherStreamFailsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	started := func(c *consumer) {
		t.Helper()
		testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
		if err := c.Stop(20 * time.Second); err != nil {
			t.Fatalf("%v\n%s", err, c.all())
		}
	}
	started(r.start(t))
	bucket := testenv.Bucket(t)
	r.start(t, "--stream", testenv.Stream(t, 1), "--bucket", bucket, "--prefix", "two/", "--errors-prefix", "errors-two/").
		wantEnd(t, "start under another --app")
	out, err := testenv.S3Client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(out.Contents) > 0 {
		t.Errorf("%d objects, %v", len(out.Contents), err)
	}
	before := r.proxies["S3"].Counts()
	c := r.start(t)
	testenv.Eventually(t, "reads no shard", func() bool { return strings.Count(c.all(), "lease acquired") == 2 || !c.Running() })
	if c.said("two/") || c.said("level=error") || before["LIST"] == 0 {
		t.Error(c.all())
	}
	started(c)
}
