package put

import (
	"errors"
	"net"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/awsclient"
)

// outcome is what a call that failed has done to the stream.
type outcome int

const (
	refused  outcome = iota // nothing was put; another attempt may succeed
	unknown                 // some or all of it may have been put
	denied                  // nothing was put; another attempt succeeds when a person has given the permission
	invalid                 // nothing was put, because of one record or some of them
	hopeless                // nothing was put, and no attempt will succeed
)

// classify judges the error of a whole call.
func classify(err error) outcome {
	var unsigned *awsclient.CredentialsError
	if errors.As(err, &unsigned) {
		return denied // the call was not made
	}
	var connection *net.OpError
	if errors.As(err, &connection) && connection.Op == "dial" {
		return refused // there was no connection
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unknown // there was no answer: the connection broke, or the call timed out
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException",
		"IncompleteSignature", "MissingAuthenticationTokenException", "OptInRequired", "KMSAccessDeniedException",
		"KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "KMSOptInRequired":
		return denied
	case "ResourceNotFoundException":
		return hopeless
	}
	if isInvalid(api.ErrorCode()) {
		return invalid
	}
	var answer *awshttp.ResponseError
	if api.ErrorFault() == smithy.FaultServer || (errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError) {
		return unknown
	}
	return refused
}

// isInvalid reports whether code says that a record is not as Kinesis wants it.
func isInvalid(code string) bool {
	return code == "ValidationException" || code == "InvalidArgumentException"
}

// isThrottling reports whether code is that of a throughput limit.
func isThrottling(code string) bool {
	switch code {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException", "KMSThrottlingException":
		return true
	}
	return false
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
