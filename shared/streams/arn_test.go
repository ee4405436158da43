package streams_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/streams"
)

const theirs = "arn:aws:kinesis:eu-north-1:123456789012:stream/theirs"

// named is how one call named its stream.
type named struct{ StreamName, StreamARN string }

// clientOf returns a client of a server that keeps how each call named its stream.
func clientOf(t *testing.T, arn string) (client *kinesis.Client, calls map[string]named) {
	t.Helper()
	calls = map[string]named{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call named
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &call)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		calls[operation] = call
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	cfg, err := streams.ByARN(aws.Config{Region: "eu-north-1", BaseEndpoint: &server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")}, arn)
	if err != nil {
		t.Fatal(err)
	}
	return kinesis.NewFromConfig(cfg), calls
}

// Before, every call had the name, and GetRecords nothing: a stream of another account was not found. All operations are
// tried whose input can have an ARN, also those that nobody calls yet.
func TestEveryCallNamesTheStreamByARN(t *testing.T) {
	for arn, want := range map[string]named{theirs: {StreamARN: theirs}, "": {StreamName: "theirs"}} {
		client, calls := clientOf(t, arn)
		for _, in := range []any{
			&kinesis.DescribeStreamSummaryInput{}, &kinesis.ListShardsInput{}, &kinesis.PutRecordsInput{Records: []types.PutRecordsRequestEntry{}},
			&kinesis.GetShardIteratorInput{ShardId: aws.String("s"), ShardIteratorType: "LATEST"}, &kinesis.DescribeStreamInput{},
		} {
			reflect.ValueOf(in).Elem().FieldByName("StreamName").Set(reflect.ValueOf(aws.String("theirs")))
			operation := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
			call := reflect.ValueOf(client).MethodByName(operation)
			call.Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})
			if got, asked := calls[operation]; !asked || got != want {
				t.Errorf("%s with ARN %q: named %+v, want %+v", operation, arn, got, want)
			}
			if name := reflect.ValueOf(in).Elem().FieldByName("StreamName"); name.IsNil() {
				t.Errorf("%s: the caller's input was changed", operation)
			}
		}
		_, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("i")})
		if got := calls["GetRecords"]; err != nil || got != (named{StreamARN: arn}) {
			t.Errorf("GetRecords with ARN %q: named %+v, %v", arn, got, err)
		}
		_, err = client.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: aws.String("more")})
		if got := calls["ListShards"]; err != nil || got != (named{}) {
			t.Errorf("a listing that goes on, with ARN %q: named %+v, %v; the API refuses a stream next to a token", arn, got, err)
		}
		if _, err = client.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil || calls["ListStreams"] != (named{}) {
			t.Errorf("ListStreams: %+v, %v", calls["ListStreams"], err)
		}
	}
}

// Before, the stream of that name in the region of the configuration was meant, or none.
func TestAnARNOfAnotherRegionIsAnError(t *testing.T) {
	_, err := streams.ByARN(aws.Config{Region: "us-east-1"}, theirs)
	if err == nil || !strings.Contains(err.Error(), "is in the region eu-north-1") || !strings.Contains(err.Error(), "AWS_REGION=eu-north-1") {
		t.Errorf("got %v", err)
	}
	if name := streams.NameOf(theirs); name != "theirs" {
		t.Errorf("the name is %q", name)
	}
}
