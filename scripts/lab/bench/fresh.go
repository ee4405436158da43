package main

import (
	"context"
	"fmt"
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
		defer r.trickle(ctx, stream)()
		if _, err := await(ctx, time.Now(), 200*time.Millisecond, "every shard has objects", func() bool {
			return len(r.objects(ctx, app, nil)) == 4
		}); err != nil {
			return 0, 0, err
		}
		pause(ctx, 7*time.Second) // the workers are at rest
		killed := time.Now()
		workers[1].Signal(syscall.SIGKILL)
		_ = workers[1].Wait() // it writes no more
		known := map[string]bool{}
		r.objects(ctx, app, known)
		took, err := await(ctx, killed, 100*time.Millisecond, "every shard has an object again", func() bool {
			return len(r.objects(ctx, app, known)) == 4
		})
		return took, -1, err
	}
}

// trickle puts 100 records a second until it is stopped.
func (r *rig) trickle(ctx context.Context, stream string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		for ctx.Err() == nil {
			_ = r.put(ctx, stream, 20) // the next one comes soon
			pause(ctx, 200*time.Millisecond)
		}
	})
	return func() {
		cancel()
		loop.Wait()
	}
}

var shardOfKey = regexp.MustCompile(`/dt=[0-9-]+/(shardId-\d+)-after-`)

// objects returns the shards that have objects with records which are not known. If nothing is known yet, all become so.
func (r *rig) objects(ctx context.Context, app string, known map[string]bool) (shards map[string]bool) {
	shards = map[string]bool{}
	prefix, learn := fmt.Sprintf("%s/records/dt=2", app), known != nil && len(known) == 0 // the first, empty link is of 1970
	listing := s3.NewListObjectsV2Paginator(r.S3, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix})
	for listing.HasMorePages() {
		out, err := listing.NextPage(ctx)
		if err != nil {
			return nil
		}
		for _, object := range out.Contents {
			if match := shardOfKey.FindStringSubmatch(*object.Key); match != nil && !known[*object.Key] {
				shards[match[1]] = true
			}
			if learn {
				known[*object.Key] = true
			}
		}
	}
	return shards
}
