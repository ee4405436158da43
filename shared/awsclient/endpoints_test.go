package awsclient_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/streams"
)

// hosts notes where requests would go, and sends none.
type hosts []string

var errNotSent = errors.New("not sent")

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Scheme+"://"+r.URL.Host)
	return nil, errNotSent
}

// docs/operations.md names these variables and hosts.
func TestHostsByTheEnvironment(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-north-1:123456789012:stream/s"
	for name, is := range map[string]struct {
		env  map[string]string
		arn  string
		want []string // of Kinesis, DynamoDB and S3
	}{
		"default": {nil, "", []string{"https://kinesis.eu-north-1.amazonaws.com", "https://dynamodb.eu-north-1.amazonaws.com", "https://bucket.s3.eu-north-1.amazonaws.com"}},
		"by ARN": {nil, arn, []string{"https://123456789012.data-kinesis.eu-north-1.amazonaws.com", "https://dynamodb.eu-north-1.amazonaws.com",
			"https://bucket.s3.eu-north-1.amazonaws.com"}},
		"FIPS": {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "us-east-1"}, "", []string{"https://kinesis-fips.us-east-1.amazonaws.com",
			"https://dynamodb-fips.us-east-1.amazonaws.com", "https://bucket.s3-fips.us-east-1.amazonaws.com"}},
		"dual stack": {map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "", []string{"https://kinesis.eu-north-1.api.aws",
			"https://dynamodb.eu-north-1.api.aws", "https://bucket.s3.dualstack.eu-north-1.amazonaws.com"}},
		"private": {map[string]string{"AWS_ENDPOINT_URL_KINESIS": "https://vpce-1.kinesis.eu-north-1.vpce.amazonaws.com",
			"AWS_ENDPOINT_URL_DYNAMODB": "https://vpce-2.dynamodb.eu-north-1.vpce.amazonaws.com", "AWS_ENDPOINT_URL_S3": "https://bucket.vpce-3.s3.eu-north-1.vpce.amazonaws.com"},
			arn, []string{"https://vpce-1.kinesis.eu-north-1.vpce.amazonaws.com", "https://vpce-2.dynamodb.eu-north-1.vpce.amazonaws.com",
				"https://bucket.vpce-3.s3.eu-north-1.vpce.amazonaws.com"}},
		"one for all": {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "",
			[]string{"http://127.0.0.1:4566", "http://127.0.0.1:4566", "http://127.0.0.1:4566"}},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
			for variable, value := range is.env {
				t.Setenv(variable, value)
			}
			cfg, err := awsclient.Load(t.Context())
			if err == nil {
				cfg, err = streams.ByARN(cfg, is.arn)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := asked(t.Context(), cfg); !slices.Equal(got, is.want) {
				t.Errorf("got  %q\nwant %q", got, is.want)
			}
		})
	}
}

// asked returns the hosts of a request to each service.
func asked(ctx context.Context, cfg aws.Config) (got hosts) {
	cfg.HTTPClient, cfg.Retryer = &got, func() aws.Retryer { return aws.NopRetryer{} }
	_, _ = awsclient.Kinesis(cfg).GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String("1"), ShardIteratorType: "LATEST"})
	_, _ = awsclient.DynamoDB(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("t")})
	_, _ = awsclient.S3(cfg, "").HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	return got
}
