package awsclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

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

// Before, an instance was not asked: on one in another region, a stream was created in eu-north-1.
func TestAnInstancesOwnRegionCountsBeforeTheDefault(t *testing.T) {
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
			fmt.Fprint(w, "token")
		case "/latest/dynamic/instance-identity/document":
			fmt.Fprint(w, `{"region":"ap-south-1"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer instance.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	for name, is := range map[string]struct {
		endpoint, region, want string
	}{
		"an instance":               {instance.URL, "", "ap-south-1"},
		"an instance, region given": {instance.URL, "us-west-2", "us-west-2"},
		"nobody answers":            {silent.URL, "", awsclient.DefaultRegion},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": is.endpoint,
				"AWS_REGION": is.region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
			began := time.Now()
			if cfg, err := awsclient.Load(t.Context()); err != nil || cfg.Region != is.want {
				t.Errorf("got %q, %v, want %q", cfg.Region, err, is.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestWithoutCredentialsItSaysWhatToDo(t *testing.T) {
	environment(t, nil)
	_, err := awsclient.Load(t.Context())
	if err == nil || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("got %v", err)
	}
	if marked := new(awsclient.CredentialsError); !errors.As(err, &marked) {
		t.Errorf("%v does not say that it is about credentials", err)
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
	if _, err := awsclient.S3(cfg, "").HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("key")}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-asked, strings.TrimPrefix(server.URL, "http://")+"/bucket/key"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
