package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 returns a client. Where the endpoint is overridden, buckets are addressed by path, because a local server
// or gateway has no DNS name per bucket.
//
// The owner is the account of all buckets, 12 digits. Each request carries it, and S3 answers 403 if the bucket belongs to
// another account: the names of buckets are global, so a wrong name may be somebody's. With an empty owner nothing is checked.
func S3(cfg aws.Config, owner string) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.UsePathStyle || o.BaseEndpoint != nil
		if owner != "" {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(expectedOwner, owner), explainOwner(owner))
		}
	})
}

// expectedOwner is the header that the SDK's ExpectedBucketOwner becomes. Set by the client, it is in requests whose input lacks
// the field, too. It is set before the request is signed, so it cannot be taken out on the way.
const expectedOwner = "X-Amz-Expected-Bucket-Owner"

// explainOwner adds to a 403 what else it can mean: S3 gives a wrong owner and a missing permission the same answer.
func explainOwner(owner string) func(*middleware.Stack) error {
	explain := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleInitialize(ctx, in)
		var answer *smithyhttp.ResponseError
		if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusForbidden {
			err = fmt.Errorf("%w (or the bucket is not of account %s, the expected owner)", err, owner)
		}
		return out, metadata, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ExplainOwner", explain), middleware.Before)
	}
}
