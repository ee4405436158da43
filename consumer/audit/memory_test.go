package audit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// memory is a bucket that is cheap to copy and to damage.
type memory map[string]stored

type stored struct {
	body     []byte // not to be changed
	metadata map[string]string
}

func (s stored) clone() stored { return stored{s.body, maps.Clone(s.metadata)} }

// take copies the bucket of a world.
func (w *world) take(t *testing.T) memory {
	t.Helper()
	m := memory{}
	list, err := w.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &w.bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		out, err := w.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &w.bucket, Key: o.Key})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		m[*o.Key] = stored{body, out.Metadata}
	}
	return m
}

func (m memory) clone() memory {
	copied := memory{}
	for key, s := range m {
		copied[key] = s.clone()
	}
	return copied
}

// keys are those under a prefix, in order.
func (m memory) keys(prefix string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(key string) bool {
		return !strings.HasPrefix(key, prefix) || strings.HasSuffix(key, "_preflight")
	})
}

func (m memory) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{}
	for _, key := range m.keys(*in.Prefix) {
		out.Contents = append(out.Contents, types.Object{Key: aws.String(key)})
	}
	return out, nil
}

func (m memory) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	s, ok := m[*in.Key]
	if !ok {
		answer := &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusNotFound}}
		return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: answer, Err: errors.New("no such key")}}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(s.body)), Metadata: s.metadata}, nil
}

func (m memory) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	m[*in.Key] = stored{body, in.Metadata}
	return &s3.PutObjectOutput{}, err
}

func (m memory) HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	return nil, errors.New("not needed")
}
