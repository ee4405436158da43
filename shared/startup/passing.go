package startup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// errNotYet marks what a step waits for without an error of AWS.
var errNotYet = errors.New("not yet")

// NotYet is the error of a step that got an answer and waits for another one, such as a table that is UPDATING. It is
// [Passing].
func NotYet(format string, args ...any) error {
	return notYet{fmt.Errorf(format, args...)}
}

type notYet struct{ error }

func (e notYet) Unwrap() []error { return []error{e.error, errNotYet} }

// Passing reports whether an error may pass by itself: throttling, a status of 5xx, a time-out, no network, no
// connection, a connection that was cut, or [NotYet]. Everything else is for a person: credentials, permissions, names, certificates.
// An error that nobody knows is for a person, too. The end of a context by a cancel does not pass.
func Passing(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled), withoutCredentials(err), notTLS(err):
		return false
	case errors.Is(err, errNotYet), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	return passingStatus(err) || passingCode(err) || passingConnection(err)
}

// passingConnection goes further than the SDK: without a network, there is no such host either.
func passingConnection(err error) bool {
	var lookup *net.DNSError
	return errors.As(err, &lookup) || (retry.RetryableConnectionError{}).IsErrorRetryable(err) == aws.TrueTernary
}

// passingStatus knows no 501: the server has no such request, and will have none.
func passingStatus(err error) bool {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	switch code := answer.HTTPStatusCode(); code {
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	default:
		return code >= 500 && code != http.StatusNotImplemented
	}
}

// passingCodes come with a status of 4xx and are no throttling by the SDK's list.
var passingCodes = map[string]bool{
	"ConditionalRequestConflict": true, // S3: another instance writes the same object
	"Conflict":                   true, // S3: the same to a HEAD, whose answer has no code
	"OperationAborted":           true, // S3: another operation on the bucket is under way
	"KMSThrottlingException":     true, // Kinesis, of an encrypted stream
	"RequestTimeout":             true, // S3: the body came too slowly
	"RequestTimeoutException":    true,
}

func passingCode(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	_, throttled := retry.DefaultThrottleErrorCodes[answer.ErrorCode()]
	return throttled || passingCodes[answer.ErrorCode()]
}

// withoutCredentials tells a machine without an instance role from a machine without a network: the SDK asks the
// instance for a role last, when it has found credentials nowhere else, and nobody answers.
func withoutCredentials(err error) bool {
	var call *smithy.OperationError
	var answer *awshttp.ResponseError
	for e := err; errors.As(e, &call); e = call.Err {
		if call.ServiceID == "ec2imds" {
			return !errors.As(e, &answer)
		}
	}
	return false
}

// notTLS is an endpoint whose certificate or protocol is wrong.
func notTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &header) || errors.Is(err, http.ErrSchemeMismatch)
}
