package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/tidwall/gjson"
)

// network stands between the workers and their servers. A request waits in it until the driver of the history says
// what becomes of it: applied or not, answered or not, or applied long after its sender has gone.
type network struct {
	mu      sync.Mutex
	waiting []*request
	late    []*request // their senders have got an error or have died, they have not reached the server yet
}

type request struct {
	worker int
	what   string
	apply  func() (any, error)
	answer chan answer
}

type answer struct {
	value any
	err   error
}

// send waits for the driver, or for the sender's death, which leaves the request on its way.
func (n *network) send(ctx context.Context, worker int, what string, apply func() (any, error)) (any, error) {
	r := &request{worker, what, apply, make(chan answer, 1)}
	n.mu.Lock()
	n.waiting = append(n.waiting, r)
	n.mu.Unlock()
	select {
	case a := <-r.answer:
		return a.value, a.err
	case <-ctx.Done():
		n.mu.Lock()
		defer n.mu.Unlock()
		if i := slices.Index(n.waiting, r); i >= 0 {
			n.waiting = slices.Delete(n.waiting, i, i+1)
			n.late = append(n.late, r)
		}
		return nil, ctx.Err()
	}
}

// requests returns what waits, by worker, so that a history does not depend on the order of goroutines.
func (n *network) requests() []*request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(n.waiting), func(a, b *request) int { return a.worker - b.worker })
}

// take removes a request, to be answered or applied late.
func (n *network) take(r *request, late bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting = slices.DeleteFunc(n.waiting, func(x *request) bool { return x == r })
	if late {
		n.late = append(n.late, r)
	}
}

func (n *network) lateRequests() []*request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.late)
}

func (n *network) deliver(r *request) {
	n.mu.Lock()
	n.late = slices.DeleteFunc(n.late, func(x *request) bool { return x == r })
	n.mu.Unlock()
	_, _ = r.apply()
}

// bucket is what an S3 bucket is to the chain: conditional creates and strongly consistent reads.
type bucket struct {
	objects map[string]object
	harmed  error // an object has lost something by being overwritten
}

type object struct {
	body     []byte
	metadata map[string]string
}

func (b *bucket) put(key string, o object, create bool) error {
	before, there := b.objects[key]
	if there && create {
		return httpError(http.StatusPreconditionFailed)
	}
	size := 0
	for key, value := range o.metadata {
		size += len("x-amz-meta-") + len(key) + len(value)
	}
	if size > 2048 {
		b.harmed = fmt.Errorf("%s: %d bytes of metadata", key, size)
	}
	for line := range bytes.Lines(before.body) {
		// Dead letters may be completed, and a copy of a rejected event may have stood in for the first one that retention took.
		event := gjson.GetBytes(line, "data").Raw
		if !bytes.Contains(o.body, line) && (event == "" || !bytes.Contains(o.body, []byte(event))) {
			b.harmed = fmt.Errorf("%s was overwritten: %s by %s", key, before.body, o.body)
		}
	}
	b.objects[key] = o
	return nil
}

func httpError(code int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}},
		Err:      fmt.Errorf("status %d", code),
	}}
}

var errTimeout = errors.New("time-out")

// s3Client is one worker's client.
type s3Client struct {
	network *network
	bucket  *bucket
	worker  int
}

func (c *s3Client) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	key, create := aws.ToString(in.Key), in.IfNoneMatch != nil
	_, err = c.network.send(ctx, c.worker, "PUT "+key, func() (any, error) {
		return nil, c.bucket.put(key, object{body, in.Metadata}, create)
	})
	return &s3.PutObjectOutput{}, err
}

func (c *s3Client) HeadObject(ctx context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	out, err := c.network.send(ctx, c.worker, "HEAD "+*in.Key, func() (any, error) {
		o, ok := c.bucket.objects[*in.Key]
		if !ok {
			return nil, httpError(http.StatusNotFound)
		}
		return &s3.HeadObjectOutput{Metadata: o.metadata}, nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*s3.HeadObjectOutput), nil
}

func (c *s3Client) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out, err := c.network.send(ctx, c.worker, "LIST "+*in.Prefix, func() (any, error) {
		return c.bucket.list(in), nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*s3.ListObjectsV2Output), nil
}

// listedKeys is how many keys an answer lists: few, so that histories search for the last one.
const listedKeys = 3

// list lists in the order of the keys.
func (b *bucket) list(in *s3.ListObjectsV2Input) *s3.ListObjectsV2Output {
	out := &s3.ListObjectsV2Output{}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		rest, ok := strings.CutPrefix(key, *in.Prefix)
		day, _, deeper := strings.Cut(rest, "/")
		prefix := *in.Prefix + day + "/"
		switch n := len(out.CommonPrefixes); {
		case !ok || key <= max(aws.ToString(in.StartAfter), aws.ToString(in.ContinuationToken)):
		case in.Delimiter != nil && deeper:
			if n == 0 || *out.CommonPrefixes[n-1].Prefix != prefix {
				out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: &prefix})
			}
		case len(out.Contents) == listedKeys:
			out.NextContinuationToken = out.Contents[listedKeys-1].Key
			return out
		default:
			out.Contents = append(out.Contents, types.Object{Key: &key})
		}
	}
	return out
}
