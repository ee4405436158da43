package awsclient_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/awsclient"
)

// recorder is a server that keeps the header of the bucket's owner, and whether it was signed.
type recorder struct {
	sync.Mutex
	owners []string
}

func (r *recorder) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	r.Lock()
	defer r.Unlock()
	owner := req.Header.Get("X-Amz-Expected-Bucket-Owner")
	if owner != "" && !strings.Contains(req.Header.Get("Authorization"), "x-amz-expected-bucket-owner") {
		owner += " (not signed)"
	}
	r.owners = append(r.owners, owner)
}

// take returns what was kept since the last time.
func (r *recorder) take() []string {
	r.Lock()
	defer r.Unlock()
	defer func() { r.owners = nil }()
	return r.owners
}

// Before, no request had the header. All operations of the client are tried, also those that nobody calls yet, with inputs that
// do not name an owner. An operation whose input needs more than names is refused by the SDK before it is sent.
func TestEveryRequestNamesTheOwnerOfTheBucket(t *testing.T) {
	server := new(recorder)
	listener := httptest.NewServer(server)
	defer listener.Close()
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": listener.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.RetryMaxAttempts = 1
	for _, owner := range []string{"123456789012", ""} {
		client := awsclient.S3(cfg, owner)
		var sent []string
		for name, call := range operations(client) {
			call(t)
			if owners := server.take(); len(owners) > 0 {
				sent = append(sent, name)
				if slices.ContainsFunc(owners, func(o string) bool { return o != owner }) {
					t.Errorf("%s: the owner is %q, want %q", name, owners, owner)
				}
			}
		}
		for _, name := range []string{"PutObject", "HeadObject", "GetObject", "ListObjectsV2"} { // what the programs call
			if !slices.Contains(sent, name) {
				t.Errorf("%s was not tried, only %q", name, sent)
			}
		}
	}
}

// operations are the calls of a client whose input can name an owner, with the name of a bucket and of a key.
func operations(client *s3.Client) map[string]func(*testing.T) {
	all := map[string]func(*testing.T){}
	value := reflect.ValueOf(client)
	for i := range value.NumMethod() {
		method := value.Type().Method(i)
		if method.Type.NumIn() != 4 { // receiver, context, input, options
			continue
		}
		input := reflect.New(method.Type.In(2).Elem())
		if !input.Elem().FieldByName("ExpectedBucketOwner").IsValid() {
			continue
		}
		for field, text := range map[string]string{"Bucket": "bucket", "Key": "key"} {
			if f := input.Elem().FieldByName(field); f.IsValid() {
				f.Set(reflect.ValueOf(aws.String(text)))
			}
		}
		all[method.Name] = func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			value.Method(i).Call([]reflect.Value{reflect.ValueOf(ctx), input}) // the empty answer is an error of some
		}
	}
	return all
}

// S3 does not say why it answers 403, and a HEAD has no code at all. Before, only a missing permission was named.
func TestARefusalNamesTheExpectedOwner(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[len("/bucket/"):])
		w.WriteHeader(status)
	}))
	defer server.Close()
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, is := range map[string]struct {
		owner string
		want  bool
	}{"403": {"123456789012", true}, "404": {"123456789012", false}, "0403": {"", false}} {
		in := &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: &key}
		_, err := awsclient.S3(cfg, is.owner).HeadObject(t.Context(), in)
		if err == nil || strings.Contains(err.Error(), "not of account 123456789012") != is.want {
			t.Errorf("%s with owner %q: got %v, must name the owner: %v", key, is.owner, err, is.want)
		}
	}
}
