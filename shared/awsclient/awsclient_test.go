package awsclient_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/awsclient"
)

// environment leaves nothing of the machine's AWS configuration but what is given.
func environment(t *testing.T, with map[string]string) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name) // Setenv restores it after the test
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	for name, value := range with {
		t.Setenv(name, value)
	}
}

func TestRegion(t *testing.T) {
	for region, want := range map[string]string{"": awsclient.DefaultRegion, "us-west-2": "us-west-2"} {
		environment(t, map[string]string{"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
		if cfg, err := awsclient.Load(t.Context()); err != nil || cfg.Region != want {
			t.Errorf("AWS_REGION %q: got %q, %v, want %q", region, cfg.Region, err, want)
		}
	}
}

func TestWithoutCredentialsItSaysWhatToDo(t *testing.T) {
	environment(t, nil)
	if _, err := awsclient.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("got %v", err)
	}
}

func TestBucketsOfOtherEndpointsAreAddressedByPath(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Host + r.URL.Path }))
	defer server.Close()
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := awsclient.S3(cfg).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("key")}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-asked, strings.TrimPrefix(server.URL, "http://")+"/bucket/key"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
