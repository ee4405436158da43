package startup_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// What the SDK makes of each answer, over a real connection. Seen to fail when only the SDK's own retryable errors
// pass: a cut answer and a call's own deadline are none.
func TestPassing(t *testing.T) {
	for name, c := range map[string]struct {
		fault faults.Fault
		want  bool
	}{
		"throttled":        {faults.JSONError(400, "ThrottlingException"), true},
		"limit":            {faults.JSONError(400, "LimitExceededException"), true},
		"throughput":       {faults.JSONError(400, "ProvisionedThroughputExceededException"), true},
		"key throttled":    {faults.JSONError(400, "KMSThrottlingException"), true},
		"500":              {faults.JSONError(500, "InternalServerError"), true},
		"503":              {faults.JSONError(503, "ServiceUnavailable"), true},
		"429":              {faults.JSONError(429, "Whatever"), true},
		"no such request":  {faults.JSONError(501, "NotImplemented"), false},
		"dropped":          {faults.Drop(), true},
		"hangs":            {faults.Hang(), true},
		"cut":              {faults.Cut(), true},
		"denied":           {faults.JSONError(400, "AccessDeniedException"), false},
		"bad signature":    {faults.JSONError(400, "InvalidSignatureException"), false},
		"unknown key":      {faults.JSONError(400, "UnrecognizedClientException"), false},
		"expired":          {faults.JSONError(400, "ExpiredTokenException"), false},
		"not there":        {faults.JSONError(400, "ResourceNotFoundException"), false},
		"wrong parameters": {faults.JSONError(400, "ValidationException"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := listen(t, c.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := dynamodb.NewFromConfig(testenv.Config(proxy.URL())).ListTables(ctx, &dynamodb.ListTablesInput{})
			if err == nil || startup.Passing(err) != c.want {
				t.Errorf("passing is %v: %v", !c.want, err)
			}
		})
	}
}

func TestPassingOfS3(t *testing.T) {
	for name, c := range map[string]struct {
		fault faults.Fault
		want  bool
	}{
		"slow down": {faults.XMLError(503, "SlowDown"), true},
		"conflict":  {faults.XMLError(409, "ConditionalRequestConflict"), true},
		"too slow":  {faults.XMLError(400, "RequestTimeout"), true},
		"denied":    {faults.XMLError(403, "AccessDenied"), false},
		"elsewhere": {faults.XMLError(301, "PermanentRedirect"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := listen(t, c.fault)
			client := testenv.NewS3Client(proxy.URL())
			_, listed := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
			_, headed := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
			if strings.HasPrefix(name, "too slow") {
				headed = listed // a HEAD has no body that could be slow
			}
			for _, err := range []error{listed, headed} {
				if err == nil || startup.Passing(err) != c.want {
					t.Errorf("passing is %v: %v", !c.want, err)
				}
			}
		})
	}
}

func listen(t *testing.T, fault faults.Fault) *faults.Proxy {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"TableNames":["a"]}`))
	}))
	t.Cleanup(server.Close)
	proxy, err := faults.Listen(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	proxy.Add(faults.Rule{Fault: fault})
	return proxy
}

func TestPassingOfConnections(t *testing.T) {
	tables := func(url string) error {
		_, err := dynamodb.NewFromConfig(testenv.Config(url)).ListTables(t.Context(), &dynamodb.ListTablesInput{})
		return err
	}
	secret := httptest.NewTLSServer(http.NotFoundHandler())
	defer secret.Close()
	open := httptest.NewServer(http.NotFoundHandler())
	defer open.Close()
	for url, want := range map[string]bool{
		"http://127.0.0.1:1": true, "http://callevents.invalid": true, // nobody listens; no network looks like no such host
		secret.URL: false, "https" + open.URL[len("http"):]: false,
	} {
		if err := tables(url); err == nil || startup.Passing(err) != want {
			t.Errorf("%s: passing is %v: %v", url, !want, err)
		}
	}
	for _, err := range []error{nil, context.Canceled, errors.New("something")} {
		if startup.Passing(err) {
			t.Errorf("%v passes", err)
		}
	}
}

// A machine without credentials looks like one without network: the SDK asks the instance, and nobody answers. Seen to
// fail when every connection that cannot be made passes.
func TestMissingCredentialsDoNotPass(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_REGION", "eu-north-1")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Credentials.Retrieve(t.Context()); err == nil || startup.Passing(err) {
		t.Errorf("passes: %v", err)
	}
}
