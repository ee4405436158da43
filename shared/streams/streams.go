// Package streams has what both programs ask of a Kinesis stream: a valid name, and all of its shards.
package streams

import (
	"context"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

var (
	name = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	arn  = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[a-zA-Z0-9_.-]{1,128}$`)
)

// ValidName reports whether a stream can have that name (API reference, CreateStream).
func ValidName(s string) bool { return name.MatchString(s) }

// ValidARN reports whether s is the ARN of a stream.
func ValidARN(s string) bool { return arn.MatchString(s) }

// Lister is what ListShards needs; *kinesis.Client has it.
type Lister interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// ListShards returns all shards of the stream that in names, closed ones included: a complete listing or an error.
func ListShards(ctx context.Context, client Lister, in *kinesis.ListShardsInput) ([]types.Shard, error) {
	var shards []types.Shard
	for {
		out, err := client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		shards = append(shards, out.Shards...)
		if aws.ToString(out.NextToken) == "" {
			return shards, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken} // the API refuses a name next to a token
	}
}
