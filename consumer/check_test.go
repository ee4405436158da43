package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// left is what is in the bucket and in the lease table.
func (r *rig) left(t *testing.T) (all []string) {
	t.Helper()
	objects, err := testenv.S3Client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &r.args[5]})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects.Contents {
		all = append(all, aws.ToString(o.Key))
	}
	rows, err := testenv.DynamoDBClient(t).Scan(t.Context(), &dynamodb.ScanInput{TableName: &r.args[3]})
	if err != nil {
		return append(all, "no table")
	}
	for _, item := range rows.Items {
		text, _ := json.Marshal(item)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// wantCheck wants a check to end with an exit code and to say all that.
func (r *rig) wantCheck(t *testing.T, code int, says ...string) {
	t.Helper()
	got, out, errOut := r.command(t, "check")
	if got != code {
		t.Errorf("ended with %d, want %d", got, code)
	}
	text := strings.Join(strings.Fields(out), " ")
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q", want)
		}
	}
	if t.Failed() {
		t.Fatalf("%s%s", out, errOut)
	}
}

// Before the first start and after it: a check makes each kind of request that a start makes, but for the creation of the
// table, and leaves what it found. Seen to fail without the removal, and with the probes of a start: they lay in the bucket.
func TestACheckMakesTheRequestsOfAStartAndLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wantCheck(t, 0, "ok AWS credentials", "eu-north-1, not asked", "2 open shards", "clock ", "not tried dynamodb:CreateTable", "ok s3:PutObject, conditional", "a run would start")
	if left := r.left(t); !slices.Equal(left, []string{"no table"}) {
		t.Fatalf("left %q", left)
	}
	checked := r.counts()
	r.runOnce(t)
	started := since(r.counts(), checked)
	before := r.left(t)
	checked = r.counts()
	r.wantCheck(t, 0, "ok dynamodb:Scan", "ok dynamodb:DeleteItem", "ok dynamodb:UpdateItem", "ok s3:PutObject of dead letters", "a run would start")
	if after := r.left(t); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
	checked = since(r.counts(), checked)
	for operation := range started {
		if operation != "DynamoDB CreateTable" && checked[operation] == 0 {
			t.Errorf("%s is in a start, and not in a check", operation)
		}
	}
}

// counts are the requests so far, by service and operation.
func (r *rig) counts() map[string]int {
	all := map[string]int{}
	for service, proxy := range r.proxies {
		for operation, n := range proxy.Counts() {
			all[service+" "+operation] = n
		}
	}
	return all
}

// since are those of now that are not of before.
func since(now, before map[string]int) map[string]int {
	for operation := range now {
		now[operation] -= before[operation]
	}
	maps.DeleteFunc(now, func(_ string, n int) bool { return n == 0 })
	return now
}

// runOnce starts a consumer and stops it.
func (r *rig) runOnce(t *testing.T) {
	t.Helper()
	c := r.start(t)
	testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
	if err := c.Stop(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, c.all())
	}
}

// Each line says what to do. Permissions that nothing else depends on are all tried, though one is denied.
// Seen to fail without the try of UpdateItem: a consumer that must not write rows would have started, by the check.
func TestACheckSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	denied, forbidden := faults.JSONError(400, "AccessDeniedException"), faults.XMLError(403, "AccessDenied")
	for name, is := range map[string]struct {
		rules map[string][]faults.Rule // by service
		want  []string
	}{
		"reads": {map[string][]faults.Rule{"Kinesis": {{Operation: "GetRecords", Fault: denied}}},
			[]string{"ok kinesis:GetShardIterator", "problem kinesis:GetRecords", "allow kinesis:GetRecords", "ok s3:PutObject", "problems: 1"}},
		"the table": {map[string][]faults.Rule{"DynamoDB": {{Operation: "Scan", Fault: denied}, {Operation: "UpdateItem", Fault: denied}}},
			[]string{"problem dynamodb:Scan", "allow dynamodb:Scan", "ok dynamodb:DeleteItem", "problem dynamodb:UpdateItem", "allow dynamodb:UpdateItem", "problems: 2"}},
		"writes": {map[string][]faults.Rule{"S3": {{Operation: "PUT", Fault: forbidden}}},
			[]string{"ok s3:ListBucket", "problem s3:PutObject, conditional", "allow s3:PutObject"}},
		"listings": {map[string][]faults.Rule{"S3": {{Operation: "LIST", Fault: forbidden}}},
			[]string{"problem s3:ListBucket", "ok s3:GetObject, absent objects", "not tried s3:PutObject"}},
		"stream": {map[string][]faults.Rule{"Kinesis": {{Operation: "DescribeStreamSummary", Fault: denied}}},
			[]string{"problem kinesis:DescribeStreamSummary", "ok kinesis:ListShards", "ok kinesis:GetRecords", "not tried lease table, bucket"}},
		"credentials": {map[string][]faults.Rule{"Kinesis": {{Fault: faults.JSONError(400, "UnrecognizedClientException")}}}, []string{"renew them"}},
		"nobody answers": {map[string][]faults.Rule{"Kinesis": {{Fault: faults.Cut()}}},
			[]string{"problem kinesis:DescribeStreamSummary", "a run waits for this", "not tried kinesis:ListShards"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if name == "the table" {
				r.runOnce(t)
			}
			before := r.left(t)
			for service, rules := range is.rules {
				for _, rule := range rules {
					r.proxies[service].Add(rule)
				}
			}
			r.wantCheck(t, 1, is.want...)
			if after := r.left(t); !slices.Equal(after, before) {
				t.Errorf("before %q\nafter  %q", before, after)
			}
		})
	}
}

// The policies of scripts/iam let nobody delete. The check then says what stays: once, since the first start's own probes
// serve all later checks. Seen to fail when the error of the removal was dropped.
func TestACheckThatMustNotDeleteSaysWhatStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proxies["S3"].Add(faults.Rule{Operation: "DELETE", Fault: faults.XMLError(403, "AccessDenied")})
	r.wantCheck(t, 0, "mandir-event-records/_preflight-", "stays, an empty object as a start leaves one", "a run would start")
	if left := r.left(t); len(left) != 3 {
		t.Errorf("left %q", left)
	}
}

func TestACheckSaysWhoItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>arn:aws:sts::123456789012:assumed-role/callevents-consumer/i-1</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	defer sts.Close()
	r.env = []string{"AWS_ENDPOINT_URL_STS=" + sts.URL}
	r.wantCheck(t, 0, "eu-north-1, arn:aws:sts::123456789012:assumed-role/callevents-consumer/i-1")
}

func TestACheckOfWhatBelongsToOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.runOnce(t)
	other := slices.Clone(r.args)
	other[1] = testenv.Stream(t, 1)
	r.args = other
	r.wantCheck(t, 1, "problem lease table", "start under another --app")
	r.args = append(slices.Clone(other), "--stream", testenv.Name(t, "absent"))
	r.wantCheck(t, 1, "start a producer, which creates it", "a run waits for this")
	r.args = append(slices.Clone(other), "--lease-duration", "1ms")
	if code, _, errOut := r.command(t, "check"); code != 2 || !strings.Contains(errOut, "--lease-duration 1ms") {
		t.Errorf("ended with %d: %s", code, errOut)
	}
}
