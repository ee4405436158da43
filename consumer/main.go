// Command consumer reads a Kinesis stream together with any number of its kind and warehouses the transformed
// records in S3, each record in exactly one object. "consumer redrive" puts dead letters back into the stream.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"
)

// command is what main starts: its fields are the flags.
type command interface {
	logger(io.Writer) (*logrus.Logger, error)
	run(context.Context, *logrus.Logger) error
}

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "redrive" {
		os.Exit(start(&redriveConfig{}, "consumer redrive", "Puts dead letters back into the stream, after what rejected them "+
			"was mended. At least once: stopped in the middle, go on with --after.", args[1:]))
	}
	os.Exit(start(&Config{}, "consumer", "Reads a Kinesis stream and warehouses the transformed records in S3, each in exactly "+
		"one object. AWS region, credentials and endpoints come from the usual AWS environment. "+
		"\"consumer redrive\" puts dead letters back into the stream.", args))
}

// start returns the exit code: 0 ended in order, 1 failed, 2 wrong flags.
func start(c command, name, description string, args []string) int {
	parser := kong.Must(c, kong.Name(name), kong.Description(description), kong.DefaultEnvars("CALLEVENTS"))
	if _, err := parser.Parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s --help tells what there is\n", err, name)
		return 2
	}
	log, err := c.logger(os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err = c.run(ctx, log)
	if stopped := ctx.Err() != nil && errors.Is(err, context.Canceled); err != nil && !stopped {
		log.WithError(err).Error(name + " ended")
		return 1
	}
	return 0
}
