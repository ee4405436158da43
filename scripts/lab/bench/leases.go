package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// leases measures how fast shards find their worker after a process has started or ended. A shard counts as consumed when
// a page of it was read. All flags have their defaults, but for the lease duration where a row names it.
func leases(ctx context.Context, cfg Config, r *rig) error {
	t := newTable("leases", "measured", "bound", "records read twice")
	for _, figure := range []struct {
		name, bound string
		measure     func(context.Context, *rig) (time.Duration, int, error)
	}{
		{"process start to all of 4 shards consumed", "0.5 s", startOn(4)},
		{"process start to all of 64 shards consumed", "4 s", startOn(64)},
		{"1 to 2 workers, balanced 2/2", "2.5 s", join(1)},
		{"2 to 3 workers, balanced 2/1/1", "2.5 s", join(2)},
		{"SIGTERM to exit, 4 shards with uncommitted records", "1 s", terminate},
		{"SIGTERM to all of 4 shards consumed elsewhere", "2.5 s", leave},
		{"SIGKILL to all shards consumed again, lease 10 s", "12 s", kill("10s")},
		{"SIGKILL to all shards consumed again, lease 3 s", "5 s", kill("3s")},
		{"SIGKILL to an object of every shard, lease 10 s, flush 5 s", "13 s", fresh("10s", "5s")},
	} {
		var took []time.Duration
		twice := 0
		for range cfg.Runs {
			d, again, err := figure.measure(ctx, r)
			if err != nil {
				return fmt.Errorf("%s: %w", figure.name, err)
			}
			took, twice = append(took, d), twice+again
		}
		replayed := fmt.Sprint(twice)
		if twice < 0 {
			replayed = "-"
		}
		t.add(figure.name, seconds(took...), figure.bound, replayed)
	}
	t.print()
	return nil
}

func startOn(shards int) func(context.Context, *rig) (time.Duration, int, error) {
	return func(ctx context.Context, r *rig) (time.Duration, int, error) {
		stream, err := r.stream(ctx, shards)
		if err != nil {
			return 0, 0, err
		}
		c, err := r.consumer(r.endpoints, stream, name("app"))
		if err != nil {
			return 0, 0, err
		}
		defer c.Kill()
		took, err := await(ctx, c.started, soon, "all shards are consumed", func() bool { return c.consuming() == shards })
		return took, -1, err
	}
}

const preloaded = 1000

// crew starts consumers one after the other, and waits until they have read everything in a stream of 4 shards. They commit
// none of it: records of a shard that moves without a drain are read twice.
func crew(ctx context.Context, r *rig, n int, args ...string) (stream, app string, workers []*program, err error) {
	if stream, err = r.stream(ctx, 4); err != nil {
		return
	}
	if err = r.put(ctx, stream, preloaded); err != nil {
		return
	}
	app = name("app")
	for range n {
		c, startErr := r.consumer(r.endpoints, stream, app, args...)
		if startErr != nil {
			return stream, app, workers, startErr
		}
		workers = append(workers, c)
		if err = balanced(ctx, workers); err != nil {
			return
		}
	}
	return
}

// balanced waits until the workers have fair shares of 4 shards, and have read everything.
func balanced(ctx context.Context, workers []*program) error {
	_, err := await(ctx, time.Now(), soon, "the shards are balanced", func() bool { return spread(workers) && total(workers) >= preloaded })
	return err
}

func spread(workers []*program) bool {
	least, most, sum := 4, 0, 0
	for _, w := range workers {
		n := w.consuming()
		least, most, sum = min(least, n), max(most, n), sum+n
	}
	return sum == 4 && most-least <= 1
}

func total(workers []*program) (n int) {
	for _, w := range workers {
		n += w.read()
	}
	return n
}

func killAll(workers []*program) {
	for _, w := range workers {
		w.Kill()
	}
}

func join(before int) func(context.Context, *rig) (time.Duration, int, error) {
	return func(ctx context.Context, r *rig) (time.Duration, int, error) {
		stream, app, workers, err := crew(ctx, r, before)
		defer func() { killAll(workers) }()
		if err != nil {
			return 0, 0, err
		}
		c, err := r.consumer(r.endpoints, stream, app)
		if err != nil {
			return 0, 0, err
		}
		workers = append(workers, c)
		took, err := await(ctx, c.started, soon, "the shards are balanced", func() bool { return spread(workers) })
		pause(ctx, 2*time.Second) // in which they would read records again
		return took, total(workers) - preloaded, err
	}
}

// terminate stops a worker, and then starts another, which must find everything committed.
func terminate(ctx context.Context, r *rig) (time.Duration, int, error) {
	stream, app, workers, err := crew(ctx, r, 1)
	defer killAll(workers)
	if err != nil {
		return 0, 0, err
	}
	started := time.Now()
	if err := workers[0].Stop(patience); err != nil {
		return 0, 0, err
	}
	took := time.Since(started)
	next, err := r.consumer(r.endpoints, stream, app)
	if err != nil {
		return 0, 0, err
	}
	defer next.Kill()
	_, err = await(ctx, started, soon, "all shards are consumed", func() bool { return next.consuming() == 4 })
	pause(ctx, 2*time.Second)
	return took, next.read(), err
}

// leave stops one of two workers.
func leave(ctx context.Context, r *rig) (time.Duration, int, error) {
	_, _, workers, err := crew(ctx, r, 2)
	defer killAll(workers)
	if err != nil {
		return 0, 0, err
	}
	before := workers[0].read()
	started := time.Now()
	workers[1].Signal(syscall.SIGTERM)
	took, err := await(ctx, started, soon, "all shards are consumed", func() bool { return workers[0].consuming() == 4 })
	pause(ctx, 2*time.Second)
	return took, workers[0].read() - before, err
}

func kill(lease string) func(context.Context, *rig) (time.Duration, int, error) {
	return func(ctx context.Context, r *rig) (time.Duration, int, error) {
		_, _, workers, err := crew(ctx, r, 2, "--lease-duration", lease)
		defer killAll(workers)
		if err != nil {
			return 0, 0, err
		}
		started := time.Now()
		workers[1].Signal(syscall.SIGKILL)
		took, err := await(ctx, started, soon, "all shards are consumed", func() bool { return workers[0].consuming() == 4 })
		return took, -1, err
	}
}
