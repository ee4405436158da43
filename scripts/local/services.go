package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/shared/testenv/servers"
)

const streamTimeout = 60 * time.Second

// services are the three servers, with their state in the data directory, and clients of them.
type services struct {
	dir       string
	servers   [3]*servers.Server
	endpoints servers.Endpoints
	kinesis   *kinesis.Client
	dynamodb  *dynamodb.Client
	s3        *s3.Client
}

func startServices(ctx context.Context, cfg Config) (*services, error) {
	s := &services{dir: cfg.Data}
	starting, groupCtx := errgroup.WithContext(ctx)
	for i, kind := range []servers.Kind{servers.Kinesalite, servers.Dynalite, servers.S3} {
		starting.Go(func() (err error) {
			s.servers[i], err = startServer(groupCtx, cfg, kind)
			return err
		})
	}
	err := starting.Wait()
	if err == nil {
		s.connect()
		err = s.createBucket(ctx)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func startServer(ctx context.Context, cfg Config, kind servers.Kind) (*servers.Server, error) {
	name := filepath.Join(cfg.Data, string(kind)+".log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	server, err := servers.Start(ctx, kind, servers.Options{Root: cfg.root, Dir: filepath.Join(cfg.Data, string(kind)), Output: log})
	if err != nil {
		return nil, fmt.Errorf("%w (see %s)", err, name)
	}
	return server, nil
}

func (s *services) connect() {
	s.endpoints = servers.Endpoints{Kinesis: s.servers[0].URL(), DynamoDB: s.servers[1].URL(), S3: s.servers[2].URL()}
	cfg := aws.Config{
		Region:      servers.Region,
		Credentials: credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, ""),
	}
	s.kinesis = kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = &s.endpoints.Kinesis })
	s.dynamodb = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &s.endpoints.DynamoDB })
	s.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &s.endpoints.S3, true })
}

func (s *services) stop() {
	for _, server := range s.servers {
		if server != nil {
			server.Stop()
		}
	}
}

// objects is where a person finds the objects as files.
func (s *services) objects() string {
	return filepath.Join(s.dir, string(servers.S3), "objects", bucket, prefix)
}

func (s *services) createBucket(ctx context.Context) error {
	_, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	if owned := new(s3types.BucketAlreadyOwnedByYou); err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("create bucket: %w", err)
	}
	return nil
}

// awaitStream waits until the producer has made the stream.
func (s *services) awaitStream(ctx context.Context, producer *program) error {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	for tick := time.Tick(100 * time.Millisecond); ; {
		found, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
		if err == nil && found.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return nil
		}
		select {
		case <-producer.Ended():
			return errors.New("the producer ended before the stream was there")
		case <-ctx.Done():
			return fmt.Errorf("wait for stream: %w", errors.Join(ctx.Err(), err))
		case <-tick:
		}
	}
}

// lock keeps a second run away from the directory; it is given back when the process ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another run uses %s: stop it, or give --data another directory", dir)
	}
	return func() { f.Close() }, nil
}
