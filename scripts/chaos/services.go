package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/shared/testenv/servers"
)

const (
	stream       = "AForB_callevents"
	leaseTable   = "callevents-consumer"
	bucket       = "aforb-consumer-data"
	prefix       = "mandir-event-records/"
	errorsPrefix = "mandir-event-errors/"
)

// service is one of the three that a consumer depends on.
type service int

const (
	onKinesis service = iota
	onDynamoDB
	onS3
)

var allServices = []service{onKinesis, onDynamoDB, onS3}

func (s service) String() string { return [...]string{"kinesis", "dynamodb", "s3"}[s] }

// services are the real servers, which keep their state on disk over restarts, and clients that reach them past all
// faults.
type services struct {
	dir      string
	servers  [3]*servers.Server
	kinesis  *kinesis.Client
	dynamodb *dynamodb.Client
	s3       *s3.Client
}

func startServices(ctx context.Context, root, dir string, log io.Writer) (*services, error) {
	s := &services{dir: dir}
	starting, startCtx := errgroup.WithContext(ctx)
	for i, kind := range []servers.Kind{servers.Kinesalite, servers.Dynalite, servers.S3} {
		starting.Go(func() (err error) {
			opts := servers.Options{Root: root, Dir: filepath.Join(dir, string(kind)), Output: log}
			s.servers[i], err = servers.Start(startCtx, kind, opts)
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		s.stop()
		return nil, err
	}
	cfg := aws.Config{
		Region:      servers.Region,
		Credentials: credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, ""),
	}
	s.kinesis = kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = aws.String(s.url(onKinesis)) })
	s.dynamodb = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(s.url(onDynamoDB)) })
	s.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(s.url(onS3)), true })
	if _, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		s.stop()
		return nil, fmt.Errorf("create bucket: %w", err)
	}
	return s, nil
}

func (s *services) url(of service) string { return s.servers[of].URL() }

func (s *services) stop() {
	for _, server := range s.servers {
		if server != nil {
			server.Stop()
		}
	}
}

// objects is the directory in which the S3 server keeps the objects under the prefix, each as a file of its key's
// name.
func (s *services) objects() string {
	return filepath.Join(s.dir, string(servers.S3), "objects", bucket, prefix)
}

// awaitStream waits until the producer has made the stream.
func (s *services) awaitStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for tick := time.Tick(100 * time.Millisecond); ; {
		found, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
		if err == nil && found.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for stream: %w", errors.Join(ctx.Err(), err))
		case <-tick:
		}
	}
}

// shards lists all shards, closed ones too.
func (s *services) shards(ctx context.Context) (shards []types.Shard, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for in := (&kinesis.ListShardsInput{StreamName: aws.String(stream)}); ; {
		page, err := s.kinesis.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		shards = append(shards, page.Shards...)
		if page.NextToken == nil {
			return shards, nil
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

func open(shard types.Shard) bool { return shard.SequenceNumberRange.EndingSequenceNumber == nil }
