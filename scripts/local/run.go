package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/callevents/shared/testenv/servers"
)

// The names that producer and consumer use by default.
const (
	stream       = "AForB_callevents"
	leaseTable   = "callevents-consumer"
	bucket       = "aforb-consumer-data"
	prefix       = "mandir-event-records/"
	errorsPrefix = "mandir-event-errors/"
)

const (
	progressInterval = 3 * time.Second
	flushInterval    = 5 * time.Second
	drainTimeout     = 60 * time.Second // for the consumers to warehouse what was put
	drainPatience    = 20 * time.Second // for them to make some progress; longer than a lease and a flush
	stopGrace        = 30 * time.Second // from SIGTERM to SIGKILL
)

// run is one local run, top to bottom. Everything is stopped in the reverse order. The error is the verification's, or
// says why the run did not come that far.
func run(ctx context.Context, cfg Config) error {
	unlock, err := lock(cfg.Data)
	if err != nil {
		return err
	}
	defer unlock()
	services, err := startServices(ctx, cfg)
	if err != nil {
		return err
	}
	defer services.Stop()
	bin := filepath.Join(cfg.root, ".local", "bin")
	ledger := filepath.Join(cfg.Data, "ledger.csv")

	producer, err := start("producer", services, filepath.Join(bin, "producer"),
		"--rate", strconv.FormatFloat(cfg.Rate, 'f', -1, 64), "--ledger", ledger,
		"--spill", filepath.Join(cfg.Data, "spill.ndjson"))
	if err != nil {
		return err
	}
	defer producer.stop()
	if err := services.AwaitStream(ctx, stream, producer.Ended()); err != nil {
		return err
	}
	var consumers group
	defer consumers.stop()
	for i := range cfg.Consumers {
		name, http := fmt.Sprintf("consumer-%d", i+1), servers.FreeAddr()
		c, err := start(name, services, filepath.Join(bin, "consumer"),
			"--flush-interval", flushInterval.String(), "--worker-id", name, "--http", http)
		if err != nil {
			return err
		}
		consumers = append(consumers, c)
		say("%s, process %d, shows its state on http://%s/", name, c.Pid(), http)
	}
	say("objects: %s", services.Objects(bucket, prefix))
	say("to look at the servers from another shell: source %q", variables(cfg.Data))

	watch := newProgress(services, ledger)
	failed := watch.report(ctx, cfg.duration(), producer, consumers)
	say("stopping: producer first")
	producer.stop()
	watch.drain(context.WithoutCancel(ctx), consumers)
	consumers.stop()
	say("verification of everything in %s", cfg.Data)
	verified := verify(services, filepath.Join(bin, "consumer"), ledger)
	say("objects: %s", services.Objects(bucket, prefix))
	return errors.Join(failed, verified)
}

// verify runs consumer verify over all runs with this data directory. Its output goes to the terminal as it is.
func verify(s *servers.Set, consumer, ledger string) error {
	// The stream may not hold any more what a run of another day has put.
	args := []string{"verify", "--bucket", bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix, "--stream", stream, "--allow-unchecked"}
	if _, err := os.Stat(ledger); err == nil {
		args = append(args, "--ledger", ledger)
	}
	if err := passThrough(s, consumer, args...); err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	return nil
}
