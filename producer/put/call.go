package put

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// callTimeout bounds one PutRecords or PutRecord call. A call that exceeds it has an unknown outcome.
const callTimeout = 15 * time.Second

// API is what Sender needs of *kinesis.Client. The client must not retry by itself: it would hide attempts whose
// outcome is unknown, and send again what was put.
type API interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
	PutRecord(context.Context, *kinesis.PutRecordInput, ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error)
}

// flight is one call, and after landing what came of it.
type flight struct {
	units   []*unit
	oldest  time.Time                     // birth of the oldest record
	results []types.PutRecordsResultEntry // one per unit; nil if the call failed
	err     error
}

// call makes the call and returns when its outcome is known, or known to be unknown.
func (s *Sender) call(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if s.cfg.StrictOrder {
		f.results, f.err = s.putRecord(ctx, f.units[0])
	} else {
		f.results, f.err = s.putRecords(ctx, f.units)
	}
	if f.err == nil && len(f.results) != len(f.units) {
		f.err = errors.New("the answer does not have one entry per record")
	}
}

func (s *Sender) putRecords(ctx context.Context, units []*unit) ([]types.PutRecordsResultEntry, error) {
	in := &kinesis.PutRecordsInput{StreamName: s.cfg.streamName(), StreamARN: s.cfg.streamARN(),
		Records: make([]types.PutRecordsRequestEntry, len(units))}
	for i, u := range units {
		in.Records[i] = types.PutRecordsRequestEntry{Data: u.data, PartitionKey: &u.partitionKey, ExplicitHashKey: &u.hashKey}
	}
	out, err := s.api.PutRecords(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Records, nil
}

func (s *Sender) putRecord(ctx context.Context, u *unit) ([]types.PutRecordsResultEntry, error) {
	out, err := s.api.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s.cfg.streamName(), StreamARN: s.cfg.streamARN(),
		Data: u.data, PartitionKey: &u.partitionKey, ExplicitHashKey: &u.hashKey, SequenceNumberForOrdering: u.shard.last})
	if err != nil {
		return nil, err
	}
	return []types.PutRecordsResultEntry{{ShardId: out.ShardId, SequenceNumber: out.SequenceNumber}}, nil
}

// outcome is what a failed call left behind.
type outcome int

const (
	refused  outcome = iota // nothing was put; worth another try
	unknown                 // some or all of it may have been put
	hopeless                // nothing was put, and no try will be better
)

// classify judges the error of a whole call.
func classify(err error) outcome {
	var connection *net.OpError
	if errors.As(err, &connection) && connection.Op == "dial" {
		return refused // no connection came about
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unknown // no answer: connection lost, timed out
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "ResourceNotFoundException", "ValidationException", "InvalidArgumentException",
		"UnrecognizedClientException", "KMSAccessDeniedException", "KMSDisabledException", "KMSNotFoundException":
		return hopeless
	}
	var answer *awshttp.ResponseError
	if api.ErrorFault() == smithy.FaultServer || (errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError) {
		return unknown
	}
	return refused
}

// isThrottling tells the errors of a limit from all others.
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

func (c Config) streamName() *string {
	if c.StreamARN != "" {
		return nil
	}
	return aws.String(c.Stream)
}

func (c Config) streamARN() *string {
	if c.StreamARN == "" {
		return nil
	}
	return aws.String(c.StreamARN)
}
