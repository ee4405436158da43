package stall_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
)

// answer is an error as the SDK returns it.
func answer(service string, status int, code string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: "Call", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err: &smithy.GenericAPIError{Code: code}},
	}}
}

func TestReasonsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err     error
		service stall.Service
		want    stall.Reason
	}{
		{answer("Kinesis", 400, "AccessDeniedException"), "", stall.KinesisDenied},
		{answer("Kinesis", 400, "KMSAccessDeniedException"), "", stall.KinesisDenied},
		{answer("Kinesis", 400, "KMSDisabledException"), "", stall.KinesisDenied},
		{answer("Kinesis", 400, "ExpiredTokenException"), "", stall.KinesisDenied},
		{answer("Kinesis", 400, "ProvisionedThroughputExceededException"), "", stall.KinesisFailing},
		{answer("Kinesis", 400, "KMSThrottlingException"), "", stall.KinesisFailing},
		{answer("Kinesis", 500, "InternalFailure"), "", stall.KinesisFailing},
		{fmt.Errorf("get records: %w", context.DeadlineExceeded), stall.Kinesis, stall.KinesisFailing},
		{answer("S3", 403, "AccessDenied"), "", stall.S3Denied},
		{answer("S3", 403, ""), "", stall.S3Denied}, // HEAD has no body
		{answer("S3", 400, "ExpiredToken"), "", stall.S3Denied},
		{answer("S3", 503, "SlowDown"), "", stall.S3Failing},
		{errors.New("connection refused"), stall.S3, stall.S3Failing},
		{fmt.Errorf("put: %w: %w", warehouse.ErrSlow, context.DeadlineExceeded), stall.S3, stall.S3Slow},
		{fmt.Errorf("commit: %w", warehouse.ErrForeign), stall.S3, stall.ForeignObject},
		{fmt.Errorf("commit: %w", warehouse.ErrNoLink), stall.S3, stall.BadObject},
		{fmt.Errorf("open: %w: %w", warehouse.ErrLocation, answer("S3", 403, "")), stall.S3, stall.LocationUnreadable},
		{answer("DynamoDB", 400, "AccessDeniedException"), "", stall.TableFailing},
		{errors.New("panic: index out of range"), "", stall.Internal},
	} {
		if got := stall.ReasonOf(c.err, c.service); got != c.want {
			t.Errorf("%v of %q: %s, want %s", c.err, c.service, got, c.want)
		}
	}
	for _, r := range stall.Reasons() {
		if r.Advice() == "" || r != stall.Internal && r.Advice() == stall.Internal.Advice() {
			t.Errorf("%s has no advice of its own", r)
		}
	}
}

func TestNoProgressForAWhileIsBlocked(t *testing.T) {
	denied := answer("Kinesis", 400, "AccessDeniedException")
	for name, c := range map[string]struct {
		note func(*stall.Tracker)
		want stall.Reason
	}{
		"a read hangs":            {func(t *stall.Tracker) { t.Waits(stall.Kinesis) }, stall.KinesisFailing},
		"a read is denied":        {func(t *stall.Tracker) { t.Waits(stall.Kinesis); t.Failed(denied) }, stall.KinesisDenied},
		"an object is on its way": {func(t *stall.Tracker) { t.Waits(stall.S3) }, stall.S3Slow},
		"a checkpoint hangs":      {func(t *stall.Tracker) { t.Waits(stall.DynamoDB) }, stall.TableFailing},
		"nothing is called":       {func(*stall.Tracker) {}, stall.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracker := stall.NewTracker(stall.After)
				time.Sleep(time.Hour)
				tracker.Progress()
				last := time.Now()
				c.note(tracker)
				time.Sleep(stall.After - time.Millisecond)
				if b, ok := tracker.Blocked(); ok {
					t.Fatalf("blocked too early: %+v", b)
				}
				time.Sleep(time.Millisecond)
				b, ok := tracker.Blocked()
				if !ok || b.Reason != c.want || !b.Since.Equal(last) {
					t.Fatalf("%+v, %t, want %s since %v", b, ok, c.want, last)
				}
				tracker.Progress()
				if b, ok := tracker.Blocked(); ok {
					t.Fatalf("still blocked after progress: %+v", b)
				}
			})
		})
	}
}

func TestAnErrorThatDoesNotPassIsBlockedAtOnce(t *testing.T) {
	tracker := stall.NewTracker(stall.After)
	tracker.Failed(fmt.Errorf("open: %w", warehouse.ErrForeign))
	if b, ok := tracker.Blocked(); !ok || b.Reason != stall.ForeignObject {
		t.Fatalf("%+v, %t", b, ok)
	}
}
