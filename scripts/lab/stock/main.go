// Command stock is a consumer as one writes it on vmware-go-kcl-v2 as it is: the library's own DynamoDB checkpointer, an
// object per flush that is written unconditionally, and then the checkpoint. It transforms and compresses as ours does.
// scripts/bench.sh compares it with ours, and scripts/chaos.sh --stock shows what faults do to it. It has the library's
// defects and is nobody's production code.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"example.com/callevents/shared/awsclient"
)

// Config is the flags. Those that our consumer has, too, mean the same.
type Config struct {
	Stream, App, WorkerID, Bucket, Prefix string

	ErrorsPrefix  string        `hidden:"" help:"Accepted, but there are no dead letters."`
	FlushInterval time.Duration `default:"60s"`
	FlushBytes    int           `default:"8388608"`
	LeaseDuration time.Duration `default:"10s"`
	SyncInterval  time.Duration `default:"60s" help:"The library acquires one lease in this time."`
	MaxShards     int           `default:"100"`
	LeaseStealing bool          `help:"The library balances shards only with this."`
}

func main() {
	var cfg Config
	kong.Parse(&cfg, kong.Name("stock"))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg Config) error {
	awsCfg, err := awsclient.Load(ctx)
	if err != nil {
		return err
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	millis := func(d time.Duration) int { return int(d.Milliseconds()) }
	library := config.NewKinesisClientLibConfig(cfg.App, cfg.Stream, awsCfg.Region, cfg.WorkerID).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithFailoverTimeMillis(millis(cfg.LeaseDuration)).
		WithLeaseRefreshPeriodMillis(millis(cfg.LeaseDuration / 2)).
		WithLeaseRefreshWaitTime(millis(cfg.LeaseDuration / 4)).
		WithShardSyncIntervalMillis(millis(cfg.SyncInterval)).
		WithMaxLeasesForWorker(cfg.MaxShards).
		WithLeaseStealing(cfg.LeaseStealing).
		WithCallProcessRecordsEvenForEmptyRecordList(true). // objects are cut by age, too
		WithLogger(logger.NewLogrusLogger(quiet))
	w := worker.NewWorker(&factory{cfg, awsclient.S3(awsCfg, "")}, library).
		WithKinesis(awsclient.Kinesis(awsCfg)).
		WithCheckpointer(checkpoint.NewDynamoCheckpoint(library).WithDynamoDB(awsclient.DynamoDB(awsCfg)))
	if err := w.Start(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	<-ctx.Done()
	w.Shutdown()
	return nil
}
