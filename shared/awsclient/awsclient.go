// Package awsclient is the one place where AWS configuration is loaded.
//
// Region, credentials and endpoints come from the SDK's default chain (environment, shared profile, instance
// role; AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT for endpoints).
// Without a region there, an EC2 instance is asked for its own. Nothing here holds a credential or an endpoint of its own.
// Every client made from it has connect and response deadlines; callers add a context deadline for the whole call.
package awsclient

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// DefaultRegion is used when environment and profile name none, and no instance has one.
const DefaultRegion = "eu-north-1"

// Deadlines of one HTTP attempt. An attempt that exceeds one counts as failed with unknown outcome.
const (
	connectTimeout  = 3 * time.Second // TCP
	tlsTimeout      = 5 * time.Second // a thousand handshakes at a time, after an outage, keep a quarter of a core busy for 3 s
	responseTimeout = 5 * time.Second // from the last request byte to the first response byte
)

// A connection with HTTP/2 is asked for a sign of life after so much silence, and closed without one. A shared connection that
// died would else fail call after call, until TCP gives up after minutes. Together they stay below half a minute.
const (
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// configure sets up the connections. An answer may last as long as it comes: only its first byte has a deadline. With HTTP/1.1
// each call at a time needs a connection. All of them are kept for the next ones, so that a consumer with 1,000 shards does not
// connect anew at each turn. Their number is that of the calls at a time; idle ones close after 90 s.
func configure(t *http.Transport) {
	t.TLSHandshakeTimeout = tlsTimeout
	t.ResponseHeaderTimeout = responseTimeout
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, math.MaxInt
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
}

// instanceTimeout bounds the question for an instance's region. An instance answers in milliseconds; elsewhere nobody does.
const instanceTimeout = time.Second

// CredentialsError is the error of a call that was not made, because there were no credentials for it.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return "get AWS credentials: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *CredentialsError) Unwrap() error { return e.Err }

// Load reads the SDK's default configuration chain. It gets credentials from it once, so that a program without any ends
// here and not at its first call. The error says what could not be read and what to do.
func Load(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(configure)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = instanceRegion(ctx, client)
	}
	cfg.Credentials = credentials{cfg.Credentials}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, or run where a role is attached: %w", err)
	}
	return cfg, nil
}

// instanceRegion is the region of the instance that this process runs on, or DefaultRegion if there is none.
// AWS_EC2_METADATA_DISABLED=true says that there is none.
func instanceRegion(ctx context.Context, client *awshttp.BuildableClient) string {
	ctx, cancel := context.WithTimeout(ctx, instanceTimeout)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithEC2IMDSRegion())
	if err != nil || cfg.Region == "" {
		return DefaultRegion
	}
	return cfg.Region
}

// credentials marks the errors of a provider.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return found, &CredentialsError{err}
	}
	return found, nil
}

// Kinesis returns a client; it is safe for concurrent use, as are the others.
func Kinesis(cfg aws.Config, opts ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.NewFromConfig(cfg, opts...)
}

// DynamoDB returns a client.
func DynamoDB(cfg aws.Config, opts ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, opts...)
}
