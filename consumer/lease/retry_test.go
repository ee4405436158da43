package lease_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/callevents/consumer/lease"
)

// failing answers every request with an error of the server.
type failing struct{ requests int }

func (f *failing) Do(*http.Request) (*http.Response, error) {
	f.requests++
	return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`))}, nil
}

// A heartbeat has three tenths of the lease duration. Seen to fail with the SDK's own pauses, which took half of that from each
// call: the lease was lost after some five requests that failed.
func TestACallThatFailsIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &failing{}
		table := lease.NewDynamoDB(dynamodb.NewFromConfig(aws.Config{Region: "eu-north-1", HTTPClient: server,
			Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}), "leases", lease.Application{})
		const calls = 20
		started := time.Now()
		for range calls / 2 {
			if _, err := table.Update(t.Context(), lease.Write{Key: "shard", Set: lease.Item{"Text": "x"}}); err == nil {
				t.Fatal("written")
			}
			if _, err := table.Get(t.Context(), true, "shard"); err == nil {
				t.Fatal("read")
			}
		}
		if pauses := time.Since(started); pauses > calls*200*time.Millisecond {
			t.Errorf("%d calls paused for %v", calls, pauses)
		}
		if server.requests != 3*calls {
			t.Errorf("%d requests", server.requests)
		}
	})
}
