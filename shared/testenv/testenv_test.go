package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/servers"
)

func TestMain(m *testing.M) {
	if os.Getenv("TESTENV_PARENT") != "" {
		parent()
	}
	testenv.Main(m)
}

func TestStreamsOfBothKinesisServersTakeAndGiveRecords(t *testing.T) {
	for name, endpoint := range map[string]func(testing.TB) string{"kinesalite": testenv.Kinesis, "kinesis-local": testenv.KinesisLocal} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			client := kinesis.NewFromConfig(testenv.Config(endpoint(t)))
			stream := aws.String(testenv.StreamIn(t, client, 4))
			put, err := client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, Data: []byte("hello"), PartitionKey: aws.String("a")})
			if err != nil {
				t.Fatal(err)
			}
			it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: stream, ShardId: put.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
			if err != nil || len(got.Records) != 1 || string(got.Records[0].Data) != "hello" {
				t.Fatalf("got %v, %v", got, err)
			}
		})
	}
}

func TestBucketRefusesASecondConditionalCreate(t *testing.T) {
	ctx := context.Background()
	client, bucket := testenv.S3Client(t), testenv.Bucket(t)
	put := &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("dt=2026-01-01/a"), IfNoneMatch: aws.String("*"), Metadata: map[string]string{"k": "v"}}
	put.Body = strings.NewReader("one")
	if _, err := client.PutObject(ctx, put); err != nil {
		t.Fatal(err)
	}
	put.Body = strings.NewReader("two")
	_, err := client.PutObject(ctx, put)
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "PreconditionFailed" {
		t.Fatalf("second create: %v, want PreconditionFailed", err)
	}
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: put.Key})
	if err != nil || head.Metadata["k"] != "v" || *head.ContentLength != 3 {
		t.Fatalf("head: %v, %v", head, err)
	}
}

func TestDynamoDBAnswers(t *testing.T) {
	if _, err := testenv.DynamoDBClient(t).ListTables(context.Background(), &dynamodb.ListTablesInput{}); err != nil {
		t.Fatal(err)
	}
}

func TestServerKeepsWhatItHoldsOverARestart(t *testing.T) {
	s := testenv.Server(t, servers.Kinesalite, t.TempDir())
	client := kinesis.NewFromConfig(testenv.Config(s.URL()))
	stream := testenv.StreamIn(t, client, 1)
	s.Kill()
	if err := s.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DescribeStreamSummary(context.Background(), &kinesis.DescribeStreamSummaryInput{StreamName: &stream}); err != nil {
		t.Fatal(err)
	}
}

// A parent that is killed outright can't stop its servers; they must end by themselves.
func TestServersEndWithAParentThatWasKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TESTENV_PARENT="+t.TempDir())
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	urls := make([]string, 4)
	for i := range urls {
		if _, err := fmt.Fscanln(out, &urls[i]); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, url := range urls {
		testenv.Eventually(t, url+" still answers", func() bool {
			resp, err := http.Get(url)
			if err == nil {
				resp.Body.Close()
			}
			return err != nil
		})
	}
}

// parent starts one server of each kind, prints their URLs, and waits to be killed.
func parent() {
	root, err := servers.FindRoot()
	for _, kind := range []servers.Kind{servers.Kinesalite, servers.KinesisLocal, servers.Dynalite, servers.S3} {
		var s *servers.Server
		if err == nil {
			s, err = servers.Start(context.Background(), kind, servers.Options{Root: root, Dir: os.Getenv("TESTENV_PARENT") + "/" + string(kind)})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.URL())
	}
	select {}
}
