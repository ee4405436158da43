package servers

import (
	"os"
	"slices"
	"strings"
)

// Region is the region that all of them work in.
const Region = "eu-north-1"

// The credentials that clients sign with and the S3 gateway expects. They open nothing but these local servers.
const (
	AccessKey = "local"
	SecretKey = "local-secret"
)

// Endpoints are the URLs of the three services.
type Endpoints struct{ Kinesis, DynamoDB, S3 string }

// Environ returns this process's environment with AWS configured for the endpoints. It lacks the variables that a person
// may have set for AWS programs or ours, as a profile or a flag.
func (e Endpoints) Environ() []string { return append(environ(), e.Variables()...) }

// Variables returns what points an AWS program to the endpoints, as NAME=value.
func (e Endpoints) Variables() []string {
	return append(access(),
		"AWS_ENDPOINT_URL_KINESIS="+e.Kinesis,
		"AWS_ENDPOINT_URL_DYNAMODB="+e.DynamoDB,
		"AWS_ENDPOINT_URL_S3="+e.S3,
	)
}

func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "CALLEVENTS_")
	})
}

func access() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + SecretKey,
		"AWS_REGION=" + Region,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}
