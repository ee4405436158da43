package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/wait"
)

// How long a consumer waits for a stream that a producer is still to create.
const (
	streamWait  = 5 * time.Minute
	streamPause = time.Second
)

// streamInfo is what the consumer needs to know about its stream.
type streamInfo struct {
	identity  string // ARN and creation time: another stream under the same name has other sequence numbers
	retention time.Duration
	now       time.Time // by the clock of Kinesis, which also dates the records
}

// findStream waits until the stream exists and can be read.
func findStream(parent context.Context, client *kinesis.Client, name string, log *logrus.Entry) (streamInfo, error) {
	ctx, cancel := context.WithTimeout(parent, streamWait)
	defer cancel()
	for attempt := 0; ; attempt++ {
		out, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		var absent *types.ResourceNotFoundException
		switch {
		case errors.As(err, &absent):
			err = fmt.Errorf("stream %s does not exist in %s: start a producer, which creates it, or check --stream and AWS_REGION", name, client.Options().Region)
		case err != nil:
			return streamInfo{}, fmt.Errorf("describe stream %s: %w", name, err)
		case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusCreating:
			err = fmt.Errorf("stream %s is still being created", name)
		case out.StreamDescriptionSummary.StreamStatus == types.StreamStatusDeleting:
			return streamInfo{}, fmt.Errorf("stream %s is being deleted: wait until it is gone and create it again", name)
		default:
			return newStreamInfo(out), nil
		}
		if attempt%10 == 0 {
			log.WithField("reason", err).Info("waiting for the stream")
		}
		if wait.For(ctx, streamPause) != nil {
			return streamInfo{}, cmp.Or(parent.Err(), err)
		}
	}
}

func newStreamInfo(out *kinesis.DescribeStreamSummaryOutput) streamInfo {
	s := out.StreamDescriptionSummary
	now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		now = time.Now()
	}
	return streamInfo{
		identity:  aws.ToString(s.StreamARN) + "@" + aws.ToTime(s.StreamCreationTimestamp).UTC().Format(time.RFC3339),
		retention: time.Duration(aws.ToInt32(s.RetentionPeriodHours)) * time.Hour,
		now:       now,
	}
}
