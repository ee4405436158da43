// Command stock is a consumer as one writes it on vmware-go-kcl-v2 without anything else: the same transformation and
// the same gzip objects as ours, and a checkpoint after each. It is what scripts/bench compares with, and has the
// library's defects.
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
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"
	kcl "github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"
)

// Config is what can be set. The library's own settings stay at its defaults, but for the first position, the number
// of shards, and how often it looks for more.
type Config struct {
	Stream, App, WorkerID, Bucket, Prefix string

	FlushInterval time.Duration `default:"60s"`
	FlushBytes    int           `default:"8388608"`
	MaxShards     int           `default:"100"`
	LeaseStealing bool          `help:"The library balances shards only with this."`
	ShardSync     time.Duration `default:"60s" help:"The library takes one lease in this time."`
}

func main() {
	var cfg Config
	kong.Parse(&cfg)
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		os.Exit(1)
	}
}

func run(cfg Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	awsCfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	library := kcl.NewKinesisClientLibConfig(cfg.App, cfg.Stream, awsCfg.Region, cfg.WorkerID).
		WithInitialPositionInStream(kcl.TRIM_HORIZON).
		WithMaxLeasesForWorker(cfg.MaxShards).
		WithLeaseStealing(cfg.LeaseStealing).
		WithShardSyncIntervalMillis(int(cfg.ShardSync.Milliseconds())).
		WithCallProcessRecordsEvenForEmptyRecordList(true). // objects are cut by age too
		WithKinesisEndpoint(os.Getenv("AWS_ENDPOINT_URL_KINESIS")).
		WithDynamoDBEndpoint(os.Getenv("AWS_ENDPOINT_URL_DYNAMODB")).
		WithLogger(logger.NewLogrusLogger(quiet))
	objects := s3.NewFromConfig(awsCfg, func(o *s3.Options) { o.UsePathStyle = true })
	w := worker.NewWorker(&factory{cfg, objects}, library)
	if err := w.Start(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	<-ctx.Done()
	w.Shutdown()
	return nil
}
