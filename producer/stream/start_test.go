package stream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/route"
	"example.com/callevents/producer/stream"
)

// Each call of a start may be throttled, time out, or be answered with an error of the server: the start waits. Before, it
// ended at the first such error that the SDK had tried three times (seen: "describe stream calls: LimitExceededException").
func TestAStartOutlastsWhatPasses(t *testing.T) {
	passing := map[string]error{
		"throttled": &types.LimitExceededException{},
		"too fast":  &smithy.GenericAPIError{Code: "ThrottlingException"},
		"key":       &smithy.GenericAPIError{Code: "KMSThrottlingException"},
		"time-out":  context.DeadlineExceeded,
	}
	wanted := stream.Wanted{RetentionHours: 48, KMSKey: "k"}
	for name, failure := range passing {
		for before := range 8 { // so many calls pass before it fails twenty times
			synctest.Test(t, func(t *testing.T) {
				a := &account{fails: make([]error, before)}
				for range 20 {
					a.fails = append(a.fails, failure)
				}
				a.shards = [][]types.Shard{{shard("shardId-0", "0", "340282366920938463463374607431768211455", false)}}
				m, _ := manager(a, wanted)
				log, _ := test.NewNullLogger()
				router := route.New(1)
				if _, err := m.Ensure(t.Context()); err != nil {
					t.Errorf("%s after %d calls: %v", name, before, err)
				}
				if err := stream.NewWatcher(m, router, log).Load(t.Context(), startTimeout); err != nil || router.Version() != 1 {
					t.Errorf("%s after %d calls: %v", name, before, err)
				}
				if len(a.fails) > 0 || *a.stream.KeyId != "k" {
					t.Errorf("%s after %d calls: %d failures are left", name, before, len(a.fails))
				}
			})
		}
	}
}

func TestAStartDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := existing()
		for range 1000 {
			a.fails = append(a.fails, &types.LimitExceededException{})
		}
		m, _ := manager(a, stream.Wanted{})
		var limit *types.LimitExceededException
		began := time.Now()
		if _, err := m.Ensure(t.Context()); !errors.As(err, &limit) || time.Since(began) > startTimeout+10*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
