package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const streamTimeout = time.Minute // for a producer to make its stream

// Set is one server of each service that the pipeline needs, with clients.
type Set struct {
	Kinesis  *kinesis.Client
	DynamoDB *dynamodb.Client
	S3       *s3.Client

	servers map[Kind]*Server
}

// setKinds are the members of a set.
var setKinds = [...]Kind{Kinesalite, Dynalite, S3}

// StartSet starts kinesalite, dynalite and the S3 gateway at the same time, and makes a bucket unless it is there.
// options says where each server lives.
func StartSet(ctx context.Context, bucket string, options func(Kind) (Options, error)) (*Set, error) {
	var started [len(setKinds)]*Server
	starting, startCtx := errgroup.WithContext(ctx)
	for i, kind := range setKinds {
		starting.Go(func() error {
			opts, err := options(kind)
			if err != nil {
				return err
			}
			started[i], err = Start(startCtx, kind, opts)
			return err
		})
	}
	err := starting.Wait()
	s := &Set{servers: map[Kind]*Server{}}
	for i, kind := range setKinds {
		if started[i] != nil {
			s.servers[kind] = started[i]
		}
	}
	if err == nil {
		s.connect()
		err = s.createBucket(ctx, bucket)
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Set) connect() {
	cfg := aws.Config{Region: Region, Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, "")}
	e := s.Endpoints()
	s.Kinesis = kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = &e.Kinesis })
	s.DynamoDB = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &e.DynamoDB })
	s.S3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &e.S3, true })
}

// Stop ends all servers.
func (s *Set) Stop() {
	for _, server := range s.servers {
		server.Stop()
	}
}

// Server returns one of them.
func (s *Set) Server(kind Kind) *Server { return s.servers[kind] }

// Endpoints are where they answer.
func (s *Set) Endpoints() Endpoints {
	return Endpoints{Kinesis: s.servers[Kinesalite].URL(), DynamoDB: s.servers[Dynalite].URL(), S3: s.servers[S3].URL()}
}

// Objects is the directory in which the S3 server keeps the objects of a bucket under a prefix, each as a file.
func (s *Set) Objects(bucket, prefix string) string {
	return filepath.Join(s.servers[S3].opts.Dir, "objects", bucket, prefix)
}

func (s *Set) createBucket(ctx context.Context, bucket string) error {
	_, err := s.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	if owned := new(s3types.BucketAlreadyOwnedByYou); err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("create bucket %s: %w", bucket, err)
	}
	return nil
}

// AwaitStream waits until a producer has made its stream, for a minute at most. It gives up when the producer has ended.
func (s *Set) AwaitStream(ctx context.Context, stream string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	for tick := time.Tick(100 * time.Millisecond); ; {
		out, err := s.Kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
		if err == nil && out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return nil
		}
		select {
		case <-ended:
			return errors.New("the producer ended before the stream was there")
		case <-ctx.Done():
			return fmt.Errorf("wait for stream: %w", errors.Join(ctx.Err(), err))
		case <-tick:
		}
	}
}
