package faults_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// scene is a bucket seen through a proxy, by a client that never retries.
type scene struct {
	*testing.T
	proxy  *faults.Proxy
	client *s3.Client
	bucket string
}

func newScene(t *testing.T) scene {
	t.Parallel()
	proxy, err := faults.Listen(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	cfg := testenv.Config(proxy.URL())
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	return scene{t, proxy, client, testenv.Bucket(t)}
}

func (s scene) put(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("a body to cut in two")})
	return err
}

// stored asks the real server.
func (s scene) stored(key string) bool {
	_, err := testenv.S3Client(s.T).HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	return err == nil
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestWithoutRulesRequestsPassAndAreCounted(t *testing.T) {
	s := newScene(t)
	for _, key := range []string{"a", "b"} {
		if err := s.put(key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.client.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &s.bucket}); err != nil {
		t.Fatal(err)
	}
	if got := s.proxy.Counts(); got["PUT"] != 2 || got["LIST"] != 1 || len(got) != 2 {
		t.Errorf("counts %v, want 2 PUT and 1 LIST", got)
	}
}

func TestFaultsOnAWrite(t *testing.T) {
	for name, test := range map[string]struct {
		fault   faults.Fault
		fails   bool
		code    string // of the error, where the server is said to have answered
		applied bool
	}{
		"drop":                {faults.Drop(), true, "", false},
		"error":               {faults.XMLError(503, "SlowDown"), true, "SlowDown", false},
		"delay":               {faults.Delay(time.Millisecond), false, "", true},
		"applied, no answer":  {faults.Lose(faults.Drop()), true, "", true},
		"applied, then error": {faults.Lose(faults.XMLError(500, "InternalError")), true, "InternalError", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			rule := s.proxy.Add(faults.Rule{Operation: "PUT", Fault: test.fault})
			err := s.put("key")
			if (err != nil) != test.fails || code(err) != test.code {
				t.Errorf("put: %v", err)
			}
			if s.stored("key") != test.applied {
				t.Errorf("stored %v, want %v", !test.applied, test.applied)
			}
			if rule.Hits() != 1 {
				t.Errorf("%d hits, want 1", rule.Hits())
			}
			rule.Remove()
			if err := s.put("after"); err != nil {
				t.Errorf("after the rule was removed: %v", err)
			}
		})
	}
}

func TestCutBreaksTheAnswerInTheMiddle(t *testing.T) {
	s := newScene(t)
	if err := s.put("key"); err != nil {
		t.Fatal(err)
	}
	s.proxy.Add(faults.Rule{Operation: "GET", Fault: faults.Cut()})
	got, err := s.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String("key")})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 {
		t.Errorf("read %q, %v: want a part, and an unexpected end", body, err)
	}
}

func TestHangEndsWithTheClientsDeadlineOrTheRule(t *testing.T) {
	s := newScene(t)
	rule := s.proxy.Add(faults.Rule{Fault: faults.Hang()})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.client.ListBuckets(ctx, &s3.ListBucketsInput{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
	failed := make(chan error)
	go func() { failed <- s.put("key") }()
	testenv.Eventually(t, "the second request never arrived", func() bool { return rule.Hits() == 2 })
	rule.Remove()
	if err := <-failed; err == nil || s.stored("key") {
		t.Errorf("error %v, stored %v: the request must not have been passed on", err, s.stored("key"))
	}
}

func TestRuleSkipsStrikesAndStops(t *testing.T) {
	s := newScene(t)
	s.proxy.Add(faults.Rule{Path: "/dt=1", Skip: 1, Times: 2, Fault: faults.XMLError(503, "SlowDown")})
	var got []bool
	for _, key := range []string{"dt=1/a", "dt=2/a", "dt=1/b", "dt=1/c", "dt=1/d"} {
		got = append(got, s.put(key) == nil)
	}
	if want := [5]bool{true, true, false, false, true}; [5]bool(got) != want {
		t.Errorf("passed %v, want %v", got, want)
	}
}

func TestDownRefusesConnectionsUntilUp(t *testing.T) {
	s := newScene(t)
	s.proxy.Down()
	if err := s.put("key"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want connection refused", err)
	}
	if err := s.proxy.Up(); err != nil {
		t.Fatal(err)
	}
	if err := s.put("key"); err != nil {
		t.Error(err)
	}
}

func TestJSONErrorIsOneForTheSDK(t *testing.T) {
	proxy, err := faults.Listen(testenv.DynamoDB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxy.Add(faults.Rule{Operation: "ListTables", Times: 1, Fault: faults.JSONError(400, "ThrottlingException")})
	cfg := testenv.Config(proxy.URL())
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	client := dynamodb.NewFromConfig(cfg)
	if _, err := client.ListTables(context.Background(), &dynamodb.ListTablesInput{}); code(err) != "ThrottlingException" {
		t.Errorf("%v, want ThrottlingException", err)
	}
	if _, err := client.ListTables(context.Background(), &dynamodb.ListTablesInput{}); err != nil {
		t.Error(err)
	}
	if got := proxy.Counts()["ListTables"]; got != 2 {
		t.Errorf("%d requests counted, want 2", got)
	}
}

func TestListenRefusesABadTarget(t *testing.T) {
	if _, err := faults.Listen("http://[::1"); err == nil {
		t.Error("no error")
	}
}
