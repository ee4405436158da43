package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// namings keeps how each request to Kinesis named its stream.
type namings struct {
	sync.Mutex
	byARN, otherwise []string // operations
}

// watch passes each request on. A listing that goes on names no stream.
func (n *namings) watch(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	var call struct{ StreamName, StreamARN, NextToken string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &call)
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	n.Lock()
	if call.StreamARN != "" && call.StreamName == "" || call.NextToken != "" {
		n.byARN = append(n.byARN, operation)
	} else {
		n.otherwise = append(n.otherwise, operation)
	}
	n.Unlock()
	pass.ServeHTTP(w, r)
}

// newARNRig is a rig whose stream is known by its ARN alone, with two records in it, one of them not an event.
func newARNRig(t *testing.T) (r *rig, arn string) {
	t.Helper()
	r = newRig(t)
	client := kinesis.NewFromConfig(testenv.Config(testenv.KinesisLocal(t)))
	name := testenv.StreamIn(t, client, 1)
	found, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{line(1), []byte("no JSON")} {
		if _, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("p"), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	proxy, err := faults.Listen(testenv.KinesisLocal(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	r.proxies["Kinesis"] = proxy
	arn = aws.ToString(found.StreamDescriptionSummary.StreamARN)
	r.args[1] = "another" // the ARN wins
	r.args = append(r.args, "--stream-arn", arn)
	return r, arn
}

// Before, only the producer had the flag. Seen to fail without it in GetRecords, and with the name beside the ARN.
func TestAStreamIsReadVerifiedAndRedrivenByItsARN(t *testing.T) {
	t.Parallel()
	r, arn := newARNRig(t)
	seen := &namings{}
	r.proxies["Kinesis"].Add(faults.Rule{Fault: seen.watch})
	c := r.start(t, "--flush-interval", "200ms")
	testenv.Eventually(t, "commits nothing", func() bool { return c.said("link committed") || !c.Running() })
	if err := c.Stop(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, c.all())
	}
	if code, out, errOut := r.command(t, "verify"); code != 0 || !strings.Contains(out, "all is well") {
		t.Errorf("verify ended with %d\n%s%s", code, out, errOut)
	}
	if code, _, errOut := r.command(t, "redrive"); code != 0 || !strings.Contains(errOut, "put=1") {
		t.Errorf("redrive ended with %d\n%s", code, errOut)
	}
	for _, operation := range []string{"DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords", "PutRecords"} {
		if !slices.Contains(seen.byARN, operation) {
			t.Errorf("%s was not asked by ARN, only %q", operation, seen.byARN)
		}
	}
	if len(seen.otherwise) > 0 {
		t.Errorf("without the ARN alone: %q", seen.otherwise)
	}
	if pinned := pinnedStream(t, r.args[3]); !strings.Contains(pinned, arn+"@") {
		t.Errorf("the lease table is pinned to %q", pinned)
	}
}

// Before, a stream that is not there was waited for, and one of another region was looked for in this one.
func TestWrongARNsEndAStart(t *testing.T) {
	t.Parallel()
	r, arn := newARNRig(t)
	absent, elsewhere := arn+"-2", strings.Replace(arn, servers.Region, "ap-south-1", 1)
	r.start(t, "--stream-arn", absent).wantEnd(t, "correct --stream-arn", absent)
	r.start(t, "--stream-arn", elsewhere).wantEnd(t, "AWS_REGION=ap-south-1", elsewhere)
	denied := r.proxies["Kinesis"].Add(faults.Rule{Operation: "GetRecords", Fault: faults.JSONError(400, "AccessDeniedException")})
	r.start(t).wantEnd(t, "allow kinesis:GetRecords on "+arn, "in the stream's own policy")
	denied.Remove()
	for _, is := range []struct {
		command, arn, want string
		code               int
	}{
		{"verify", absent, "ResourceNotFoundException", 3},
		{"verify", elsewhere, "AWS_REGION=ap-south-1", 3},
		{"redrive", elsewhere, "AWS_REGION=ap-south-1", 1},
		{"verify", "arn:aws:kinesis:stream", "use arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", 3},
		{"redrive", "arn:aws:kinesis:stream", "use arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", 2},
	} {
		code, _, errOut := r.command(t, is.command, "--stream-arn", is.arn)
		if code != is.code || !strings.Contains(errOut, is.want) {
			t.Errorf("%s of %s: ended with %d, want %d and %q\n%s", is.command, is.arn, code, is.code, is.want, errOut)
		}
	}
}

// pinnedStream reads the identity in the lease table.
func pinnedStream(t *testing.T, app string) string {
	t.Helper()
	out, err := testenv.DynamoDBClient(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &app,
		Key: map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: "_application"}}})
	if err != nil {
		t.Fatal(err)
	}
	stream, _ := out.Item["Stream"].(*types.AttributeValueMemberS)
	if stream == nil {
		return ""
	}
	return stream.Value
}
