package main

import (
	"context"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// fresh kills one of two workers while records come in, and measures how long it takes until every shard has an object
// again.
func fresh(lease, flush string) func(context.Context, *rig) (time.Duration, int, error) {
	return func(ctx context.Context, r *rig) (time.Duration, int, error) {
		stream, app, workers, err := crew(ctx, r, 2, "--lease-duration", lease, "--flush-interval", flush)
		defer func() { killAll(workers) }()
		if err != nil {
			return 0, 0, err
		}
		defer r.trickle(ctx, stream, 200*time.Millisecond)()
		if _, err := r.everyShard(ctx, app); err != nil {
			return 0, 0, err
		}
		if _, err := r.everyShard(ctx, app); err != nil { // the last checkpoints, which renew leases, are just written
			return 0, 0, err
		}
		killed := time.Now()
		workers[1].Signal(syscall.SIGKILL)
		_ = workers[1].Wait() // it writes no more
		again, err := r.everyShard(ctx, app)
		return again.Sub(killed), -1, err
	}
}

// everyShard waits until every shard has an object more than now, and returns when that was.
func (r *rig) everyShard(ctx context.Context, app string) (time.Time, error) {
	known := r.objects(ctx, app)
	_, err := await(ctx, time.Now(), 100*time.Millisecond, "every shard has an object more", func() bool {
		more := map[string]bool{}
		for key, shard := range r.objects(ctx, app) {
			if known[key] == "" {
				more[shard] = true
			}
		}
		return len(more) == 4
	})
	return time.Now(), err
}

// trickle puts 20 records again and again, until it is stopped.
func (r *rig) trickle(ctx context.Context, stream string, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		for ctx.Err() == nil {
			_ = r.put(ctx, stream, 20) // the next one comes soon
			pause(ctx, every)
		}
	})
	return func() {
		cancel()
		loop.Wait()
	}
}

var shardOfKey = regexp.MustCompile(`/dt=[0-9-]+/(shardId-\d+)-after-`)

// objects returns the shards of all objects with records, by key. There are none while S3 does not answer.
func (r *rig) objects(ctx context.Context, app string) (shards map[string]string) {
	shards = map[string]string{}
	listing := s3.NewListObjectsV2Paginator(r.S3, &s3.ListObjectsV2Input{Bucket: aws.String(bucket),
		Prefix: aws.String(app + "/records/dt=2")}) // a shard's first link has none, and is of 1970
	for listing.HasMorePages() {
		out, err := listing.NextPage(ctx)
		if err != nil {
			return nil
		}
		for _, object := range out.Contents {
			if match := shardOfKey.FindStringSubmatch(*object.Key); match != nil {
				shards[*object.Key] = match[1]
			}
		}
	}
	return shards
}
