// Command stock is what a consumer looks like that takes the library as it is: vmware-go-kcl-v2 with its own DynamoDB
// checkpointer, one object per flush, written unconditionally, then the checkpoint. scripts/chaos runs it with --stock,
// to show what the same faults do to it. It is nobody's production code.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"

	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/sequence"
)

// Config has the flags of our own consumer, as far as they mean something here; the others are accepted.
type Config struct {
	Stream, App, WorkerID, Bucket, Prefix, ErrorsPrefix string
	FlushInterval, LeaseDuration, SyncInterval          time.Duration
}

func main() {
	var cfg Config
	kong.Parse(&cfg)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "stock consumer ended:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg Config) error {
	awsCfg, err := awsclient.Load(ctx)
	if err != nil {
		return err
	}
	millis := func(d time.Duration) int { return int(d.Milliseconds()) }
	kcl := config.NewKinesisClientLibConfig(cfg.App, cfg.Stream, awsCfg.Region, cfg.WorkerID).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithFailoverTimeMillis(millis(cfg.LeaseDuration)).
		WithLeaseRefreshPeriodMillis(millis(cfg.LeaseDuration / 2)).
		WithLeaseRefreshWaitTime(millis(cfg.LeaseDuration / 3)).
		WithShardSyncIntervalMillis(millis(cfg.SyncInterval)).
		WithCallProcessRecordsEvenForEmptyRecordList(true)
	made := factory{cfg: cfg, client: awsclient.S3(awsCfg)}
	w := worker.NewWorker(made, kcl).
		WithKinesis(awsclient.Kinesis(awsCfg)).
		WithCheckpointer(checkpoint.NewDynamoCheckpoint(kcl).WithDynamoDB(awsclient.DynamoDB(awsCfg)))
	if err := w.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	w.Shutdown()
	return nil
}

type factory struct {
	cfg    Config
	client *s3.Client
}

func (f factory) CreateProcessor() interfaces.IRecordProcessor { return &processor{factory: f} }

// processor collects the records of a shard.
type processor struct {
	factory
	shardID     string
	started     time.Time
	first, last sequence.Number
	body        bytes.Buffer
}

func (p *processor) Initialize(in *interfaces.InitializationInput) { p.shardID = in.ShardId }

func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, record := range in.Records {
		p.add(record)
	}
	if p.first != "" && time.Since(p.started) >= p.cfg.FlushInterval {
		p.flush(in.Checkpointer)
	}
}

func (p *processor) add(record types.Record) {
	at, err := sequence.Parse(aws.ToString(record.SequenceNumber))
	if err != nil {
		panic(err)
	}
	if p.first == "" {
		p.first, p.started = at, time.Now()
	}
	p.last = at
	p.body.Write(record.Data)
	p.body.WriteByte('\n')
}

// flush stores the object, as long as it takes, and then the checkpoint, once.
func (p *processor) flush(checkpointer interfaces.IRecordProcessorCheckpointer) {
	key := fmt.Sprintf("%sdt=%s/%s-from-%s-to-%s.ndjson", p.cfg.Prefix, time.Now().UTC().Format(time.DateOnly), p.shardID,
		p.first.Padded(), p.last.Padded())
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := p.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &p.cfg.Bucket, Key: &key, Body: bytes.NewReader(p.body.Bytes())})
		cancel()
		if err == nil {
			break
		}
		fmt.Fprintf(os.Stderr, "level=warning msg=\"object not stored, trying again\" error=%q\n", err)
	}
	if err := checkpointer.Checkpoint(aws.String(p.last.String())); err != nil {
		fmt.Fprintf(os.Stderr, "level=warning msg=\"checkpoint not stored\" error=%q\n", err)
	}
	p.first, p.last = "", ""
	p.body.Reset()
}

func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if p.first != "" {
		p.flush(in.Checkpointer)
	}
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil)
	}
}
