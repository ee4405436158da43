package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	soakRate  = 200 // events a second
	soakRows  = 12
	soakFlush = time.Minute // the consumer's default
	soakPause = 30 * time.Second
)

// soak lets three consumers follow a producer, without any fault. It prints a row for each twelfth of the time: the memory
// and files of every process, and the requests of every consumer to DynamoDB. A figure that grows from row to row is a
// leak. The verification comes last.
func soak(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, 4)
	if err != nil {
		return err
	}
	ledger, app := filepath.Join(r.dir, "ledger.csv"), name("app")
	crew, err := r.soakers(ctx, stream, app)
	if err != nil {
		return err
	}
	for _, i := range crew {
		defer i.proxy.Close()
	}
	producer, err := r.start(r.endpoints, "producer", "--stream", stream, "--rate", fmt.Sprint(soakRate), "--ledger", ledger, "--spill", r.dir+"/spill")
	if err != nil {
		return err
	}
	head := "| after | producer: memory, files |"
	for n := range crew {
		head += fmt.Sprintf(" consumer %d: memory, goroutines, files, DynamoDB requests/min |", n+1)
	}
	fmt.Printf("%s\n|%s\n", head, strings.Repeat("---|", 2+len(crew)))
	if err := r.follow(ctx, cfg.Soak, producer, crew); err != nil {
		return err
	}
	if err := producer.Stop(soakPause); err != nil { // it may have spilled some events; the verification does not need them
		fmt.Printf("\nproducer: %v\n%s", err, producer.said())
	}
	pause(ctx, soakPause) // the consumers read what was put last
	for _, i := range crew {
		if err := i.Stop(soakPause); err != nil {
			return fmt.Errorf("stop consumer: %w", err)
		}
	}
	verify := exec.CommandContext(ctx, filepath.Join(r.bin, "consumer"), "verify", "--bucket", bucket, "--app", app,
		"--prefix", app+"/records/", "--errors-prefix", app+"/errors/", "--stream", stream, "--ledger", ledger)
	verify.Env = r.endpoints.Environ()
	found, failed := verify.CombinedOutput()
	fmt.Printf("\n%s", found)
	return failed
}

// soakers starts three consumers, and waits until they share the shards.
func (r *rig) soakers(ctx context.Context, stream, app string) (crew []*instance, err error) {
	var workers []*program
	for range 3 {
		i, err := newInstance(r)
		if err != nil {
			return nil, err
		}
		if i.program, err = r.consumer(i.endpoints(r), stream, app, "--flush-interval", soakFlush.String()); err != nil {
			return nil, err
		}
		crew, workers = append(crew, i), append(workers, i.program)
	}
	_, err = await(ctx, time.Now(), soon, "the shards are balanced", func() bool { return spread(workers) })
	return crew, err
}

// follow prints the rows. It ends early with ctx, and when a program has ended.
func (r *rig) follow(ctx context.Context, total time.Duration, producer *program, crew []*instance) error {
	began, window := time.Now(), total/soakRows
	tick := time.NewTicker(window)
	defer tick.Stop()
	for range soakRows {
		for _, i := range crew {
			i.before = i.proxy.Counts()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-producer.Ended():
			return fmt.Errorf("the producer ended: %w", producer.Wait())
		case <-tick.C:
		}
		row := fmt.Sprintf("| %.0f min | %d MiB, %d |", time.Since(began).Minutes(), producer.memory("VmRSS")>>20, producer.files())
		for _, i := range crew {
			requests, _ := i.perMinute(window)
			row += fmt.Sprintf(" %d MiB, %.0f, %d, %.1f |", i.memory("VmRSS")>>20, i.gauge("go_goroutines"), i.files(), requests)
		}
		fmt.Println(row)
	}
	return nil
}
