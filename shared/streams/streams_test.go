package streams_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/streams"
)

// lister has one shard in each of its answers.
type lister struct {
	answers int
	fails   int // at that answer; 0: never
}

func (l lister) ListShards(_ context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if (in.StreamName == nil) == (in.NextToken == nil) {
		return nil, errors.New("the API wants either a name or a token")
	}
	n := 1
	if in.NextToken != nil {
		n, _ = strconv.Atoi(*in.NextToken)
	}
	if n == l.fails {
		return nil, errors.New("not now")
	}
	out := &kinesis.ListShardsOutput{Shards: []types.Shard{{ShardId: aws.String("shard-" + strconv.Itoa(n))}}}
	if n < l.answers {
		out.NextToken = aws.String(strconv.Itoa(n + 1))
	}
	return out, nil
}

func TestListShardsIsCompleteOrFails(t *testing.T) {
	in := &kinesis.ListShardsInput{StreamName: aws.String("s")}
	shards, err := streams.ListShards(t.Context(), lister{answers: 3}, in)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range shards {
		ids = append(ids, *s.ShardId)
	}
	if !slices.Equal(ids, []string{"shard-1", "shard-2", "shard-3"}) {
		t.Fatalf("listed %v", ids)
	}
	if shards, err := streams.ListShards(t.Context(), lister{answers: 3, fails: 3}, in); err == nil || shards != nil {
		t.Fatalf("%d shards of an incomplete listing, error %v", len(shards), err)
	}
}

func TestNames(t *testing.T) {
	for text, valid := range map[string]bool{"AForB_callevents": true, "a.b-c_1": true, "": false, "a b": false, "a/b": false} {
		if streams.ValidName(text) != valid {
			t.Errorf("%q: valid is %v", text, !valid)
		}
	}
	for text, valid := range map[string]bool{"arn:aws:kinesis:eu-north-1:123456789012:stream/s": true,
		"arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s": true, "arn:aws:kinesis:eu-north-1:1:stream/s": false, "s": false} {
		if streams.ValidARN(text) != valid {
			t.Errorf("%q: valid is %v", text, !valid)
		}
	}
}
