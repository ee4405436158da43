package stream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/stream"
)

// The record distribution may be changed while a run goes on. Before, nobody looked again.
func TestAChangeOfTheRecordDistributionIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := existing()
		a.fails = []error{&types.LimitExceededException{}, nil, &types.InternalFailureException{}}
		a.autoFrom = time.Now().Add(time.Hour)
		m, _ := manager(a, stream.Wanted{})
		var is stream.ErrDistributesItself
		if err := m.AwaitDistribution(t.Context()); !errors.As(err, &is) || time.Since(a.autoFrom) < 0 || time.Since(a.autoFrom) > time.Minute {
			t.Errorf("%s after the change: %v", time.Since(a.autoFrom), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m, _ := manager(existing(), stream.Wanted{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := m.AwaitDistribution(ctx); err != nil {
			t.Errorf("at the end of the run: %v", err)
		}
	})
}
