package awsclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// ErrNotAsked means that Kinesis' endpoint is set and that of STS is not: AWS itself may not know these credentials.
var ErrNotAsked = errors.New("not asked: AWS_ENDPOINT_URL_KINESIS is set, and AWS_ENDPOINT_URL_STS is not")

// Identity returns whose the credentials are, as an ARN. The call needs no permission.
func Identity(ctx context.Context, cfg aws.Config) (arn string, err error) {
	client := sts.NewFromConfig(cfg)
	if client.Options().BaseEndpoint == nil && kinesis.NewFromConfig(cfg).Options().BaseEndpoint != nil {
		return "", ErrNotAsked
	}
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("unknown: %w", err)
	}
	return aws.ToString(out.Arn), nil
}
