package stall

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/callevents/consumer/warehouse"
)

// Reason says why a shard stands still. The list is closed: reasons are metric labels.
type Reason string

// The reasons.
const (
	KinesisDenied      Reason = "kinesis_denied"      // no permission to read the stream, or to use its key
	KinesisFailing     Reason = "kinesis_failing"     // errors, throttling or no answer
	S3Denied           Reason = "s3_denied"           // no permission to write objects, or to tell absent from present
	S3Failing          Reason = "s3_failing"          // errors, throttling or no answer
	S3Slow             Reason = "s3_slow"             // objects do not arrive in time
	ForeignObject      Reason = "foreign_object"      // another application's object is at the tip of the chain
	BadObject          Reason = "bad_object"          // an object at the tip of the chain is no link
	LocationUnreadable Reason = "location_unreadable" // a location of former links cannot be read
	ParentUnreadable   Reason = "parent_unreadable"   // a parent shard stands still, so this one cannot begin
	TableFailing       Reason = "table_failing"       // the lease table gives errors or no answer
	Internal           Reason = "internal"            // a fault of this program
)

// Reasons returns all of them.
func Reasons() []Reason {
	return []Reason{KinesisDenied, KinesisFailing, S3Denied, S3Failing, S3Slow, ForeignObject, BadObject,
		LocationUnreadable, ParentUnreadable, TableFailing, Internal}
}

// Advice says what a person is to do.
func (r Reason) Advice() string {
	switch r {
	case KinesisDenied:
		return "allow kinesis:GetShardIterator and kinesis:GetRecords on the stream, or kinesis:SubscribeToShard on its consumer, and kms:Decrypt on its key; check the credentials"
	case KinesisFailing:
		return "wait if Kinesis is disturbed; otherwise check the network, and that not too many applications read this stream"
	case S3Denied:
		return "allow s3:PutObject and s3:GetObject on the prefixes and s3:ListBucket on the bucket, and the bucket's key; check the credentials"
	case S3Failing:
		return "wait if S3 is disturbed; otherwise check the network and the bucket"
	case S3Slow:
		return "make objects smaller with --flush-bytes, hold fewer shards per instance, or find a faster line"
	case ForeignObject:
		return "two applications must not share a prefix: start one of them with another --prefix, or move the object away"
	case BadObject:
		return "somebody put an object where a link belongs: move it away"
	case LocationUnreadable:
		return "give access to the location, or give it up with consumer forget-location"
	case ParentUnreadable:
		return "mend what stops the parent shard"
	case TableFailing:
		return "wait if DynamoDB is disturbed; otherwise check the network, permissions and capacity of the lease table"
	}
	return "this is a fault of the program: keep the log and report it; a restart may help"
}

// permanent are the reasons that do not pass by themselves: a person has to act before the shard can go on.
var permanent = []Reason{ForeignObject, BadObject, LocationUnreadable}

// Permanent reports whether a shard with that error can only go on after a person has acted.
func Permanent(err error) bool { return slices.Contains(permanent, ReasonOf(err, Nothing)) }

// ReasonOf names what err stands for. service is what was called, for errors that do not tell.
func ReasonOf(err error, service Service) Reason {
	switch {
	case errors.Is(err, warehouse.ErrForeign):
		return ForeignObject
	case errors.Is(err, warehouse.ErrNoLink):
		return BadObject
	case errors.Is(err, warehouse.ErrLocation):
		return LocationUnreadable
	case errors.Is(err, warehouse.ErrSlow):
		return S3Slow
	case errors.Is(err, warehouse.ErrNotTrusted):
		return TableFailing
	}
	var call *smithy.OperationError
	if errors.As(err, &call) {
		service = Service(call.Service())
	}
	switch {
	case service == Kinesis && denied(err):
		return KinesisDenied
	case service == Kinesis:
		return KinesisFailing
	case service == S3 && denied(err):
		return S3Denied
	case service == S3:
		return S3Failing
	case service == DynamoDB:
		return TableFailing
	}
	return Internal
}

// denied reports whether a person has to change permissions, keys or credentials.
func denied(err error) bool {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && (answer.HTTPStatusCode() == http.StatusForbidden || answer.HTTPStatusCode() == http.StatusUnauthorized) {
		return true
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		code := api.ErrorCode()
		for _, part := range []string{"AccessDenied", "Unauthorized", "ExpiredToken", "InvalidToken", "UnrecognizedClient", "InvalidSignature",
			"SignatureDoesNotMatch", "InvalidClientTokenId", "InvalidAccessKeyId", "IncompleteSignature", "MissingAuthenticationToken",
			"NotAuthorized", "KMSDisabled", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired"} {
			if strings.Contains(code, part) {
				return true
			}
		}
		return false
	}
	return err != nil && strings.Contains(err.Error(), "get credentials") // the SDK has no error type for it
}
