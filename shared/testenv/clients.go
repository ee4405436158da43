package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/testenv/servers"
)

// setUpTimeout bounds what a test needs before it begins: a stream or a bucket.
const setUpTimeout = 30 * time.Second

// Config returns a client configuration for one endpoint: dummy credentials, and retries that give up within a
// second, so that a test that breaks a server does not wait for the SDK. Use it for clients of a fault proxy.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       servers.Region,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, 100*time.Millisecond })
		},
	}
}

// KinesisClient returns a client of kinesalite.
func KinesisClient(t testing.TB) *kinesis.Client {
	return kinesis.NewFromConfig(Config(Kinesis(t)))
}

// DynamoDBClient returns a client of dynalite.
func DynamoDBClient(t testing.TB) *dynamodb.Client {
	return dynamodb.NewFromConfig(Config(DynamoDB(t)))
}

// S3Client returns a client of the S3 gateway.
func S3Client(t testing.TB) *s3.Client {
	return NewS3Client(S3(t))
}

// NewS3Client returns a client of an S3 endpoint, with path-style addressing.
func NewS3Client(endpoint string) *s3.Client {
	return s3.NewFromConfig(Config(endpoint), func(o *s3.Options) { o.UsePathStyle = true })
}

// Name returns a name that no other test uses, good for streams, tables and buckets.
func Name(t testing.TB, prefix string) string {
	t.Helper()
	return strings.ToLower(prefix + "-" + rand.Text()[:8])
}

// Stream creates a stream in kinesalite and returns its name when it is ACTIVE.
func Stream(t testing.TB, shards int) string {
	t.Helper()
	return StreamIn(t, KinesisClient(t), shards)
}

// StreamIn is [Stream] for any Kinesis server.
func StreamIn(t testing.TB, client *kinesis.Client, shards int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setUpTimeout)
	defer cancel()
	name := aws.String(Name(t, "stream"))
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(int32(shards))})
	if inUse := new(types.ResourceInUseException); err != nil && !errors.As(err, &inUse) { // a retry of our own create
		t.Fatal("create stream:", err)
	}
	waiter := kinesis.NewStreamExistsWaiter(client, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 100*time.Millisecond
	})
	if err := waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, setUpTimeout); err != nil {
		t.Fatal("wait for stream:", err)
	}
	return *name
}

// Bucket creates a bucket in the S3 gateway and returns its name.
func Bucket(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setUpTimeout)
	defer cancel()
	name := Name(t, "bucket")
	if _, err := S3Client(t).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal("create bucket:", err)
	}
	return name
}
