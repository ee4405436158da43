// Command consumer reads a Kinesis stream together with any number of its kind and warehouses the transformed
// records in S3, each record in exactly one object. "consumer check" tries what a run would need, "consumer verify" checks a
// warehouse, "consumer redrive" puts dead letters back into the stream, "consumer forget-location" gives a former location
// up, "consumer health" is the health check of a container.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(dispatch(ctx, os.Args[1:]))
}

// program lists the commands.
func program() cli.Program {
	return cli.Program{Name: "consumer", Commands: []cli.Command{
		{Flags: &Config{}, Help: "Reads a Kinesis stream and warehouses the transformed records in S3, each in exactly one object. AWS region, " +
			"credentials and endpoints come from the usual AWS environment."},
		{Name: "check", Flags: &Config{}, Help: "Tries what a run with these flags would need, and says what is missing and what to do. It changes " +
			"nothing. Exit code 0: a run would start. 1: it would not."},
		{Name: "verify", Flags: &verifyConfig{}, Help: "Reads every object of a warehouse and says what is in it and what is wrong. Stop the consumers " +
			"before. Exit code 0: all is well. 1: something is wrong. 2: nothing is, but not everything could be checked. 3: no verdict. " +
			"AWS region, credentials and endpoints come from the usual AWS environment."},
		{Name: "redrive", Flags: &redriveConfig{}, Help: "Puts dead letters back into the stream, after what rejected them was mended. At least " +
			"once: stopped in the middle, go on with --after."},
		{Name: "forget-location", Flags: &forgetConfig{}, Help: "Gives a former location of an application up, because it cannot be read any more. " + forgetMeans},
		{Name: "health", Flags: &healthConfig{}, Help: "Asks the consumer at --http for /healthz: the health check of a container, which has no curl."},
	}}
}

// dispatch runs the command that the first argument names and returns the exit code.
func dispatch(ctx context.Context, args []string) int {
	if exitCode, mine := program().Completion(args, os.Stdout, os.Stderr); mine {
		return exitCode
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "check":
		return check(ctx, args[1:], os.Stdout, os.Stderr)
	case "redrive":
		return start(ctx, &redriveConfig{}, name, args[1:])
	case "verify":
		return verify(ctx, args[1:], os.Stdout, os.Stderr)
	case "forget-location":
		return forgetLocation(ctx, args[1:], os.Stdout, os.Stderr)
	case "health":
		return health(ctx, args[1:], os.Stderr)
	}
	return start(ctx, &Config{}, "", args)
}

// command is what start runs: its fields are the flags.
type command interface {
	logger(io.Writer) (*logrus.Logger, error)
	run(context.Context, *logrus.Logger) error
}

// start returns the exit code: 0 ended in order, 1 failed, 2 wrong flags.
func start(ctx context.Context, c command, name string, args []string) int {
	called := strings.TrimSpace("consumer " + name)
	if _, err := program().Parse(name, c, args); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s --help tells what there is\n", err, called)
		return 2
	}
	log, err := c.logger(os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", called, err)
		return 2
	}
	err = c.run(ctx, log)
	if stopped := ctx.Err() != nil && errors.Is(err, context.Canceled); err != nil && !stopped {
		log.WithError(err).Error(called + " ended")
		return 1
	}
	return 0
}
