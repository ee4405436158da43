package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// memory is a bucket of any number of objects without bodies, which counts what is asked of it. Not safe for concurrent
// use.
type memory struct {
	objects  map[string]map[string]string // metadata, by bucket and key
	keys     []string                     // sorted; nil after a write
	requests []string
	denied   map[string]int // HTTP status of every request to a bucket
}

func newMemory() *memory { return &memory{objects: map[string]map[string]string{}} }

func (m *memory) ask(what, bucket, key string) error {
	m.requests = append(m.requests, what+" "+bucket+"/"+key)
	if code := m.denied[bucket]; code != 0 {
		return httpError(code)
	}
	return nil
}

func httpError(code int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: fmt.Errorf("status %d", code)}}
}

func (m *memory) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if err := m.ask("PUT", *in.Bucket, *in.Key); err != nil {
		return nil, err
	}
	key := *in.Bucket + "/" + *in.Key
	if _, there := m.objects[key]; there && in.IfNoneMatch != nil {
		return nil, httpError(http.StatusPreconditionFailed)
	}
	m.objects[key], m.keys = in.Metadata, nil
	return &s3.PutObjectOutput{}, nil
}

func (m *memory) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	if err := m.ask("HEAD", *in.Bucket, *in.Key); err != nil {
		return nil, err
	}
	metadata, there := m.objects[*in.Bucket+"/"+*in.Key]
	if !there {
		return nil, httpError(http.StatusNotFound)
	}
	return &s3.HeadObjectOutput{Metadata: metadata}, nil
}

func (m *memory) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if err := m.ask("LIST", *in.Bucket, *in.Prefix); err != nil {
		return nil, err
	}
	if m.keys == nil {
		m.keys = slices.Sorted(maps.Keys(m.objects))
	}
	prefix := *in.Bucket + "/" + *in.Prefix
	from := max(prefix, *in.Bucket+"/"+aws.ToString(in.StartAfter), *in.Bucket+"/"+aws.ToString(in.ContinuationToken))
	at, _ := slices.BinarySearch(m.keys, from)
	out := &s3.ListObjectsV2Output{}
	for ; at < len(m.keys) && strings.HasPrefix(m.keys[at], prefix); at++ {
		key := strings.TrimPrefix(m.keys[at], *in.Bucket+"/")
		day, _, deeper := strings.Cut(strings.TrimPrefix(m.keys[at], prefix), "/")
		n := len(out.CommonPrefixes)
		switch {
		case m.keys[at] == from:
		case in.Delimiter == nil && len(out.Contents) == 1000:
			out.NextContinuationToken = out.Contents[999].Key
			return out, nil
		case in.Delimiter == nil:
			out.Contents = append(out.Contents, types.Object{Key: &key})
		case deeper && (n == 0 || *out.CommonPrefixes[n-1].Prefix != *in.Prefix+day+"/"):
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: aws.String(*in.Prefix + day + "/")})
		}
	}
	return out, nil
}

// counted returns how many requests a call makes.
func (m *memory) counted(call func()) int {
	m.requests = nil
	call()
	return len(m.requests)
}

// memoryStore returns a store of a bucket in memory.
func memoryStore(m *memory, change func(*warehouse.Config)) *warehouse.Store {
	s, _ := server{bucket: "b"}.store(m, change)
	return s
}

// link puts a link of one record.
func (m *memory) link(t *testing.T, s *warehouse.Store, p warehouse.Place, nextDay string, last sequence.Number) warehouse.Link {
	t.Helper()
	return m.create(t, s, s.NewBatch(), p, nextDay, last)
}

func (m *memory) create(t *testing.T, s *warehouse.Store, b *warehouse.Batch, p warehouse.Place, nextDay string, last sequence.Number) warehouse.Link {
	t.Helper()
	b.Begin(p)
	b.Append(last)
	if err := errors.Join(b.AddLine([]byte("{}\n")), b.Seal(nextDay)); err != nil {
		t.Fatal(err)
	}
	if outcome, err := s.Create(t.Context(), time.Now().Add(time.Hour), b); outcome != warehouse.Done {
		t.Fatalf("%s: %s, %v", s.Link(b).Key(), outcome, err)
	}
	return s.Link(b)
}

// chain puts n links, each of one record, behind place; the numbers between two of them vary.
func (m *memory) chain(t *testing.T, s *warehouse.Store, p warehouse.Place, n int) (links []warehouse.Link) {
	t.Helper()
	at, b := number(p.Previous), s.NewBatch()
	for i := range n {
		at += 1 + uint64(i*i%977)
		l := m.create(t, s, b, p, p.Day, sequence.Number(fmt.Sprint(at)))
		links, p = append(links, l), l.Next()
	}
	return links
}

func number(n sequence.Number) (value uint64) {
	_, _ = fmt.Sscan(n.String(), &value)
	return value
}
