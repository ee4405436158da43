package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/uuid"

	"example.com/callevents/shared/testenv/servers"
)

const bucket = "bench"

// rig is three servers of its own, the programs to measure, and all that was started.
type rig struct {
	*servers.Set
	root, dir string
	endpoints servers.Endpoints
	programs  []*program
}

// newRig starts the servers. What S3 holds lies on disk in any case; onDisk, what the others hold too, and not in their
// memory.
func newRig(ctx context.Context, onDisk bool) (_ *rig, err error) {
	r := &rig{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.root, err = servers.FindRoot(); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp("", "callevents-bench-"); err != nil {
		return nil, err
	}
	if err := r.build(ctx, "./consumer", "./producer", "./scripts/bench/stock"); err != nil {
		return nil, err
	}
	r.Set, err = servers.StartSet(ctx, func(kind servers.Kind) (servers.Options, error) {
		options := servers.Options{Root: r.root}
		if kind == servers.S3 || onDisk {
			options.Dir = filepath.Join(r.dir, string(kind))
		}
		return options, nil
	})
	if err != nil {
		return nil, err
	}
	r.endpoints = r.Endpoints()
	return r, r.CreateBucket(ctx, bucket)
}

func (r *rig) build(ctx context.Context, packages ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", r.dir + "/"}, packages...)...)
	cmd.Dir, cmd.Stderr = r.root, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
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

func name(prefix string) string { return prefix + "-" + uuid.NewString()[:8] }

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
			id := uuid.NewString()
			data := fmt.Sprintf(`{"event":{"property":{"call_id":"%s"}},"user":{"user_id":"123"}}`, id)
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte(data), PartitionKey: &id})
		}
		out, err := r.Kinesis.PutRecords(ctx, in)
		if err == nil && aws.ToInt32(out.FailedRecordCount) > 0 {
			err = errors.New("some were refused")
		}
		if err != nil {
			return fmt.Errorf("put records: %w", err)
		}
		n -= len(in.Records)
	}
	return nil
}

// patience is how long anything that is measured may take before the program gives up.
const patience = 5 * time.Minute

// await asks every 20 ms until done holds, and returns the time since started.
func await(ctx context.Context, started time.Time, what string, done func() bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); !done(); {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-tick:
		}
	}
	return time.Since(started), nil
}

// pause lets time pass, unless ctx ends: whatever is measured next then says so.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
