// Command consumer reads a Kinesis stream together with any number of its kind and warehouses the transformed
// records in S3, each record in exactly one object. "consumer verify" checks a warehouse, "consumer redrive" puts dead
// letters back into the stream, "consumer forget-location" gives a former location up, "consumer health" is the health
// check of a container.
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

	"example.com/callevents/shared/units"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(dispatch(ctx, os.Args[1:]))
}

// dispatch runs the command that the first argument names and returns the exit code.
func dispatch(ctx context.Context, args []string) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "redrive":
		return start(ctx, &redriveConfig{}, "consumer redrive", "Puts dead letters back into the stream, after what rejected "+
			"them was mended. At least once: stopped in the middle, go on with --after.", args[1:])
	case "verify":
		return verify(ctx, args[1:], os.Stdout, os.Stderr)
	case "forget-location":
		return forgetLocation(ctx, args[1:], os.Stdout, os.Stderr)
	case "health":
		return health(ctx, args[1:], os.Stderr)
	}
	return start(ctx, &Config{}, "consumer", "Reads a Kinesis stream and warehouses the transformed records in S3, each in "+
		"exactly one object. AWS region, credentials and endpoints come from the usual AWS environment. "+
		"\"consumer verify\" checks what is in the warehouse, \"consumer redrive\" puts dead letters back into the stream.", args)
}

// command is what start runs: its fields are the flags.
type command interface {
	logger(io.Writer) (*logrus.Logger, error)
	run(context.Context, *logrus.Logger) error
}

// start returns the exit code: 0 ended in order, 1 failed, 2 wrong flags.
func start(ctx context.Context, c command, name, description string, args []string) int {
	parser := kong.Must(c, kong.Name(name), kong.Description(description), kong.DefaultEnvars("CALLEVENTS"), units.Durations())
	if _, err := parser.Parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s --help tells what there is\n", err, name)
		return 2
	}
	log, err := c.logger(os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 2
	}
	err = c.run(ctx, log)
	if stopped := ctx.Err() != nil && errors.Is(err, context.Canceled); err != nil && !stopped {
		log.WithError(err).Error(name + " ended")
		return 1
	}
	return 0
}
