// Command consumer reads a Kinesis stream together with any number of its kind and warehouses the transformed
// records in S3, each record in exactly one object.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(realMain())
}

func realMain() int {
	var cfg Config
	parser := kong.Must(&cfg, kong.Name("consumer"), kong.DefaultEnvars("CALLEVENTS"), kong.UsageOnError(),
		kong.Description("Reads a Kinesis stream and warehouses the transformed records in S3, each in exactly one object. "+
			"AWS region, credentials and endpoints come from the usual AWS environment."))
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "consumer: %v\n", err)
		return 2
	}
	log, err := cfg.logger(os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "consumer: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, cfg, log); err != nil {
		log.WithError(err).Error("consumer ended")
		return 1
	}
	return 0
}
