package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
)

// forgetConfig says which location to give up.
type forgetConfig struct {
	App      string `default:"callevents-consumer" help:"Application name, as the consumer's."`
	Location string `arg:"" help:"Former location to give up, as s3://bucket/prefix/."`
}

// Validate reports every problem at once.
func (c *forgetConfig) Validate() error {
	var problems []error
	if !tableName.MatchString(c.App) {
		problems = append(problems, fmt.Errorf("--app %q: use 3 to 255 letters, digits, _ . or -", c.App))
	}
	if _, err := warehouse.ParseLocation(c.Location); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// forgetMeans is what giving a location up means.
const forgetMeans = "Consumers stop looking there for the newest objects of their shards, at once. A shard whose newest object " +
	"is there goes on from its checkpoint. Records that are in an object there, behind the checkpoint and still in the stream, may be " +
	"stored again. Shards with an object at the present location are not concerned."

const forgetTime = time.Minute

// forgetLocation takes a former location out of the application's row. The exit code is 0 if it is not there any more, 1
// if it is, and 2 if that could not be found out or the flags are wrong.
func forgetLocation(ctx context.Context, args []string, out, errOut io.Writer) (exitCode int) {
	var c forgetConfig
	_, err := program().Parse("forget-location", &c, args)
	var left []string
	if err == nil {
		left, err = c.forget(ctx)
	}
	var notThere *notForgottenError
	switch {
	case errors.As(err, &notThere):
		fmt.Fprintf(errOut, "forget-location: %v\n", err)
		return 1
	case err != nil:
		fmt.Fprintf(errOut, "forget-location: %v\n", err)
		return 2
	}
	fmt.Fprintf(out, "%s is no location of %s any more. Left: %s\n%s\n", c.Location, c.App, strings.Join(left, ", "), forgetMeans)
	return 0
}

// notForgottenError says why a location stays.
type notForgottenError struct{ why string }

func (e *notForgottenError) Error() string { return e.why }

// forget returns the locations that are left.
func (c *forgetConfig) forget(ctx context.Context) (left []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	awsConfig, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	table := lease.NewDynamoDB(awsclient.DynamoDB(awsConfig), c.App, lease.Application{})
	for {
		seen, err := table.Locations(ctx)
		switch {
		case errors.Is(err, lease.ErrTableMissing):
			return nil, fmt.Errorf("there is no application %q: %w", c.App, err)
		case err != nil:
			return nil, err
		case !slices.Contains(seen, c.Location):
			return nil, &notForgottenError{fmt.Sprintf("%s is no location of %s; those are: %s", c.Location, c.App, strings.Join(seen, ", "))}
		case len(seen) == 1:
			return nil, &notForgottenError{fmt.Sprintf("%s is the only location of %s: start the consumers with another --bucket or "+
				"--prefix first", c.Location, c.App)}
		}
		err = table.ForgetLocation(ctx, seen, c.Location)
		if err == nil {
			return slices.DeleteFunc(seen, func(at string) bool { return at == c.Location }), nil
		}
		if !errors.Is(err, lease.ErrRefused) { // refused: a consumer has just started
			return nil, err
		}
	}
}
