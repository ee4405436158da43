package kcl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	"github.com/sirupsen/logrus"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/awsclient"
)

// newEngine returns the library's Worker, with every one of its doors answered by ours.
func (w *Worker) newEngine() *worker.Worker {
	const never = int(min(int64(math.MaxInt), math.MaxInt64/int64(time.Millisecond))) // milliseconds; some 292 years
	cfg := config.NewKinesisClientLibConfig(w.cfg.Application, w.cfg.Stream, w.aws.Region, w.cfg.WorkerID).
		WithShardSyncIntervalMillis(10). // of the event loop, which is parked while there is no lease to acquire
		WithLeaseRefreshWaitTime(never). // leases renew themselves
		WithLeaseStealing(false).
		WithLogger(quietLogger{w.log})
	return worker.NewWorker(noProcessor{}, cfg).
		WithKinesis(awsclient.Kinesis(w.aws, w.answerLibrary)).
		WithCheckpointer(checkpointer{w})
}

// answerLibrary is an option of the client that the library is given. No call of the library goes out.
func (w *Worker) answerLibrary(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("callevents", w.answer), middleware.Before)
	})
}

// errEnded is how every consumer of the library ends. It wraps no error of AWS: the library would call again after
// throttling.
var errEnded = errors.New("the shard is not consumed any more")

// answer is what Kinesis would be to the library. The event loop lists the shards before each of its turns, in which it
// acquires one lease at most. The consumer that it then starts asks for a shard iterator, which is the shard's name
// here, and for one page: that call lasts as long as the shard is consumed.
func (w *Worker) answer(ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (
	out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	switch call := in.Parameters.(type) {
	case *kinesis.ListShardsInput:
		w.park(ctx)
		out.Result = w.catalog.output()
	case *kinesis.GetShardIteratorInput:
		out.Result = &kinesis.GetShardIteratorOutput{ShardIterator: call.ShardId}
	case *kinesis.GetRecordsInput:
		if l := w.leases.Lease(aws.ToString(call.ShardIterator)); l != nil {
			err = w.consume(l)
		}
		err = fmt.Errorf("%w: %v", errEnded, err) // wraps errEnded alone
	default:
		err = fmt.Errorf("vmware-go-kcl made an unexpected call: %T", call)
	}
	return out, metadata, err
}

// park holds the event loop until there is a lease to acquire, or the worker stops.
func (w *Worker) park(ctx context.Context) {
	for !w.leases.Wants() {
		select {
		case <-w.leases.Wanted():
		case <-w.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// checkpointer is the library's door to the lease table.
type checkpointer struct{ *Worker }

var _ chk.Checkpointer = checkpointer{}

// Init has nothing to do: the table is ready before the library starts.
func (c checkpointer) Init() error { return nil }

// FetchCheckpoint tells the library only whether the shard is finished. Where to read on is decided in consume. Whether
// the parents are finished was decided before the lease was acquired.
func (c checkpointer) FetchCheckpoint(shard *partition.ShardStatus) error {
	if c.leases.Finished(shard.ID) {
		shard.SetCheckpoint(chk.ShardEnd)
		return nil
	}
	shard.SetCheckpoint("")
	return chk.ErrSequenceIDNotFound
}

// GetLease acquires. Upon nil the library starts the shard's consumer. Nothing that this consumer does before its first
// GetRecords call can fail, so every lease acquired here comes to consume.
func (c checkpointer) GetLease(shard *partition.ShardStatus, _ string) error {
	l, err := c.leases.Acquire(context.Background(), shard.ID) // bounded by the manager
	if err != nil {
		if !errors.Is(err, lease.ErrNotWanted) && !errors.Is(err, lease.ErrRefused) {
			c.log.WithError(err).WithField("shard_id", shard.ID).Warn("lease not acquired, trying again")
		}
		return chk.ErrLeaseNotAcquired{}
	}
	shard.SetLeaseOwner(c.cfg.WorkerID)
	shard.SetLeaseTimeout(l.Deadline())
	return nil
}

// RemoveLeaseOwner has nothing to do: consume has released the lease.
func (c checkpointer) RemoveLeaseOwner(string) error { return nil }

// RemoveLeaseInfo does nothing: the library calls it for every shard that one listing lacks. The lease table
// cleans itself up.
func (c checkpointer) RemoveLeaseInfo(string) error { return nil }

// CheckpointSequence is never called. A shard's status outlives leases, so no checkpoint may go through it.
func (c checkpointer) CheckpointSequence(shard *partition.ShardStatus) error {
	c.log.WithField("shard_id", shard.ID).Error("checkpoint outside a lease refused")
	return errors.New("checkpoints are written through the lease")
}

// GetLeaseOwner, ListActiveWorkers and ClaimShard belong to the library's lease stealing, which is off.

func (c checkpointer) GetLeaseOwner(string) (string, error) { return "", nil }

func (c checkpointer) ListActiveWorkers(map[string]*partition.ShardStatus) (map[string][]*partition.ShardStatus, error) {
	return nil, chk.ErrShardNotAssigned
}

func (c checkpointer) ClaimShard(*partition.ShardStatus, string) error {
	return errors.New("lease stealing is off")
}

// noProcessor is the library's record processor: it gets no page.
type noProcessor struct{}

func (noProcessor) CreateProcessor() interfaces.IRecordProcessor   { return noProcessor{} }
func (noProcessor) Initialize(*interfaces.InitializationInput)     {}
func (noProcessor) ProcessRecords(*interfaces.ProcessRecordsInput) {}
func (noProcessor) Shutdown(*interfaces.ShutdownInput)             {}

// quietLogger writes all that the library logs at Debug: this package says what a person should know, and nothing may
// end the process from inside a library.
type quietLogger struct{ entry *logrus.Entry }

func (l quietLogger) Debugf(format string, args ...any) { l.entry.Debugf(format, args...) }
func (l quietLogger) Infof(format string, args ...any)  { l.entry.Debugf(format, args...) }
func (l quietLogger) Warnf(format string, args ...any)  { l.entry.Debugf(format, args...) }
func (l quietLogger) Errorf(format string, args ...any) { l.entry.Debugf(format, args...) }
func (l quietLogger) Fatalf(format string, args ...any) { l.entry.Errorf(format, args...) }
func (l quietLogger) Panicf(format string, args ...any) { l.entry.Errorf(format, args...) }

func (l quietLogger) WithFields(fields logger.Fields) logger.Logger {
	return quietLogger{l.entry.WithFields(logrus.Fields(fields))}
}
