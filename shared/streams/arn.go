package streams

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
)

// NameOf returns the name within the ARN of a stream.
func NameOf(arn string) string {
	_, name, _ := strings.Cut(arn, ":stream/")
	return name
}

// ByARN returns a configuration whose Kinesis clients send the stream's ARN wherever a caller gives its name, and in
// GetRecords, where no caller does. Kinesis finds a stream of another account by its ARN alone. Callers go on with the
// name. An empty ARN changes nothing. It is an error if the stream is in another region than cfg.
func ByARN(cfg aws.Config, arn string) (aws.Config, error) {
	if arn == "" {
		return cfg, nil
	}
	if region := strings.Split(arn, ":")[3]; region != cfg.Region {
		return cfg, fmt.Errorf("stream %s is in the region %s, and AWS is called in %s: set AWS_REGION=%s, or correct --stream-arn",
			arn, region, cfg.Region, region)
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("StreamByARN", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			in.Parameters = withARN(in.Parameters, arn)
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return cfg, nil
}

// withARN returns a copy of an input with the ARN, if it names a stream and can do so by ARN. Else it returns the input. A
// listing that goes on names none: its token does.
func withARN(input any, arn string) any {
	given := reflect.ValueOf(input)
	if given.Kind() != reflect.Pointer || given.Elem().Kind() != reflect.Struct {
		return input
	}
	name, target := given.Elem().FieldByName("StreamName"), given.Elem().FieldByName("StreamARN")
	_, readsOn := input.(*kinesis.GetRecordsInput)
	if !target.IsValid() || !readsOn && (!name.IsValid() || name.IsNil()) {
		return input
	}
	changed := reflect.New(given.Type().Elem())
	changed.Elem().Set(given.Elem())
	changed.Elem().FieldByName("StreamARN").Set(reflect.ValueOf(&arn))
	if name.IsValid() {
		changed.Elem().FieldByName("StreamName").SetZero()
	}
	return changed.Interface()
}
