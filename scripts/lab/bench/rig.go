package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/testenv/servers"
	"example.com/callevents/shared/wait"
)

const bucket = "bench"

// rig is what one subject is measured with: three servers, and the programs that it starts.
type rig struct {
	*servers.Set
	bin       string // the directory of the programs
	dir       string // of everything that is written
	endpoints servers.Endpoints
	programs  []*program
}

// newRig starts the servers. S3 keeps on disk what it holds; so do the others if onDisk, else they keep it in memory.
func newRig(ctx context.Context, onDisk bool) (_ *rig, err error) {
	r := &rig{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	root, err := servers.FindRoot()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	r.bin = filepath.Dir(program)
	if r.dir, err = os.MkdirTemp("", "callevents-bench-"); err != nil {
		return nil, err
	}
	r.Set, err = servers.StartSet(ctx, bucket, func(kind servers.Kind) (servers.Options, error) {
		options := servers.Options{Root: root}
		if kind == servers.S3 || onDisk {
			options.Dir = filepath.Join(r.dir, string(kind))
		}
		return options, nil
	})
	if err != nil {
		return nil, err
	}
	r.endpoints = r.Endpoints()
	return r, nil
}

func (r *rig) close() {
	for _, p := range r.programs {
		p.Kill()
	}
	if r.Set != nil {
		r.Stop()
	}
	_ = os.RemoveAll(r.dir)
}

func name(prefix string) string { return strings.ToLower(prefix + "-" + rand.Text()[:8]) }

// stream makes a stream and returns its name.
func (r *rig) stream(ctx context.Context, shards int) (string, error) {
	stream := name("stream")
	_, err := r.Kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(int32(shards))})
	if err != nil {
		return "", fmt.Errorf("create stream: %w", err)
	}
	waiter := kinesis.NewStreamExistsWaiter(r.Kinesis, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 100*time.Millisecond
	})
	return stream, waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &stream}, 30*time.Second)
}

// put adds n small call events.
func (r *rig) put(ctx context.Context, stream string, n int) error {
	for n > 0 {
		in := &kinesis.PutRecordsInput{StreamName: &stream}
		for range min(n, 500) {
			id := rand.Text()
			data := fmt.Sprintf(`{"event":{"property":{"call_id":"%s"}},"user":{"user_id":"123"}}`, id)
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte(data), PartitionKey: &id})
		}
		out, err := r.Kinesis.PutRecords(ctx, in)
		if err == nil && aws.ToInt32(out.FailedRecordCount) > 0 {
			err = errors.New("some records were throttled")
		}
		if err != nil {
			return fmt.Errorf("put records: %w", err)
		}
		n -= len(in.Records)
	}
	return nil
}

// patience is how long one measurement may take.
const patience = 5 * time.Minute

// soon is how often await asks for something quick.
const soon = 20 * time.Millisecond

// await asks at intervals until done holds, and returns the time since started.
func await(ctx context.Context, started time.Time, every time.Duration, what string, done func() bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !done() {
		if err := wait.For(ctx, every); err != nil {
			return 0, fmt.Errorf("wait until %s: %w", what, err)
		}
	}
	return time.Since(started), nil
}

// pause waits, unless ctx ends. The next step then returns the error.
func pause(ctx context.Context, d time.Duration) { _ = wait.For(ctx, d) }
