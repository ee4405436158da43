package main

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/testenv/fanout"
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

// services are the real servers, which keep their state on disk over restarts. The clients reach them past all faults.
type services struct {
	*servers.Set
	fanOut *fanout.Server // in front of Kinesis; nil if consumers poll
}

func startServices(ctx context.Context, root, dir string, fanOut bool, log io.Writer) (*services, error) {
	set, err := servers.StartSet(ctx, bucket, func(kind servers.Kind) (servers.Options, error) {
		return servers.Options{Root: root, Dir: filepath.Join(dir, string(kind)), Output: log}, nil
	})
	if err != nil || !fanOut {
		return &services{Set: set}, err
	}
	adapter, err := fanout.Listen(set.Server(servers.Kinesalite).URL(), fanout.Options{Life: subscriptionLife, Heartbeat: heartbeat})
	if err != nil {
		set.Stop()
	}
	return &services{set, adapter}, err
}

// Stop ends all servers.
func (s *services) Stop() {
	if s.fanOut != nil {
		s.fanOut.Close()
	}
	s.Set.Stop()
}

// url is where a consumer finds a service.
func (s *services) url(of service) string {
	if of == onKinesis && s.fanOut != nil {
		return s.fanOut.URL()
	}
	return s.server(of).URL()
}

// server returns the server of a service.
func (s *services) server(of service) *servers.Server {
	return s.Server([...]servers.Kind{servers.Kinesalite, servers.Dynalite, servers.S3}[of])
}

// objects is the directory with the objects under the prefix.
func (s *services) objects() string { return s.Objects(bucket, prefix) }

// awaitStream waits until the stream is active.
func (s *services) awaitStream(ctx context.Context) error { return s.AwaitStream(ctx, stream, nil) }

// shards lists all shards, closed ones too.
func (s *services) shards(ctx context.Context) ([]types.Shard, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return streams.ListShards(ctx, s.Kinesis, &kinesis.ListShardsInput{StreamName: aws.String(stream)})
}

func open(shard types.Shard) bool { return shard.SequenceNumberRange.EndingSequenceNumber == nil }
