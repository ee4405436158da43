package main_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
)

// Access to the former bucket was taken away before the shard had an object at the present one. The consumer says which
// location it is. When it is given up, it goes on, without a restart. Before, it waited for ever, at Warn.
func TestARunningConsumerGivesALocationUp(t *testing.T) {
	t.Parallel()
	const former = "s3://taken-away/records/"
	app, stream, bucket := testenv.Name(t, "app"), testenv.Stream(t, 1), testenv.Bucket(t)
	rememberLocation(t, app, former)
	_, err := testenv.KinesisClient(t).PutRecord(t.Context(), &kinesis.PutRecordInput{
		StreamName: &stream, PartitionKey: aws.String("p"), Data: []byte(`{"user":{"user_id":"1"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := faults.Listen(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxy.Add(faults.Rule{Path: "/taken-away", Fault: faults.XMLError(http.StatusForbidden, "AccessDenied")})

	var log logText
	env := append(testenv.Env(t), "AWS_ENDPOINT_URL_S3="+proxy.URL())
	consumer, err := children.StartProgram(&log, env, testenv.Build(t, "./consumer"), "--app", app, "--stream", stream, "--bucket", bucket,
		"--prefix", "new/", "--errors-prefix", "errors/", "--flush-interval", "100ms", "--compression", "none")
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Kill()
	testenv.Eventually(t, "the location is not told", func() bool { return strings.Contains(log.String(), former) })
	if links(t, bucket) != 0 {
		t.Errorf("%d objects, and nobody knows what lies at %s", links(t, bucket), former)
	}
	m := &twoLocations{}
	if code, out, errOut := m.forget(t, "--app", app, former); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, errOut)
	}
	testenv.Eventually(t, "the shard does not go on", func() bool { return links(t, bucket) == 2 }) // the first is empty
	if err := consumer.Stop(10 * time.Second); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
}

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rememberLocation makes the lease table of an application that has written to a location.
func rememberLocation(t *testing.T, app, location string) {
	t.Helper()
	client := testenv.DynamoDBClient(t)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &app, BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{{AttributeName: aws.String("ShardID"), AttributeType: dynamotypes.ScalarAttributeTypeS}},
		KeySchema:            []dynamotypes.KeySchemaElement{{AttributeName: aws.String("ShardID"), KeyType: dynamotypes.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "the table does not become active", func() bool {
		_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &app, Key: map[string]dynamotypes.AttributeValue{"ShardID": &dynamotypes.AttributeValueMemberS{Value: "_application"}},
			UpdateExpression: aws.String("ADD Layouts :l"),
			ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{
				":l": &dynamotypes.AttributeValueMemberSS{Value: []string{location}}},
		})
		return err == nil
	})
}

// links counts the objects in days.
func links(t *testing.T, bucket string) int {
	t.Helper()
	out, err := testenv.S3Client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("new/dt=")})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Contents)
}
