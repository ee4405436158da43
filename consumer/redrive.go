package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/redrive"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/shared/awsclient"
)

// redriveConfig selects dead letters and says where they go. A selection is for one run: no environment variable sets it,
// where it could be forgotten.
type redriveConfig struct {
	Stream       string   `default:"AForB_callevents" help:"Stream that the records are put into."`
	StreamARN    string   `name:"stream-arn" placeholder:"ARN" help:"ARN of that stream, instead of its name. It may belong to another account."`
	App          string   `default:"callevents-consumer" help:"Application whose dead letters they are, as the consumer's."`
	Bucket       string   `default:"aforb-consumer-data" help:"Bucket of the dead letters."`
	ErrorsPrefix string   `default:"mandir-event-errors/" help:"Prefix of the dead letters, with a slash at the end."`
	Reason       []string `env:"-" help:"Only entries with one of these reasons; may be repeated. Default: all."`
	Day          []string `env:"-" help:"Only dead letters of these days, as 2006-01-02; may be repeated. Default: all."`
	After        string   `env:"-" help:"Only objects whose key comes after this one: where an earlier run ended. Default: all."`
	DryRun       bool     `env:"-" help:"Read and count, put nothing."`

	Owner `embed:""`
	Log   `embed:""`
}

// Validate reports every problem at once.
func (c *redriveConfig) Validate() error {
	var problems []error
	if !strings.HasSuffix(c.ErrorsPrefix, "/") {
		problems = append(problems, fmt.Errorf("--errors-prefix %q: must end with a slash", c.ErrorsPrefix))
	}
	for _, reason := range c.Reason {
		if !transform.Reason(reason).Known() {
			problems = append(problems, fmt.Errorf("--reason %q: use one of %v", reason, transform.Reasons()))
		}
	}
	for _, day := range c.Day {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			problems = append(problems, fmt.Errorf("--day %q: use a day such as 2026-01-31", day))
		}
	}
	_, err := c.logger(io.Discard)
	return errors.Join(append(problems, checkARN(c.StreamARN), c.Owner.check(), err)...)
}

// run puts the selected dead letters into the stream, and says how far it came even if it failed. It is an error if there
// are none.
func (c *redriveConfig) run(ctx context.Context, log *logrus.Logger) error {
	awsCfg, err := loadAWS(c.StreamARN)(ctx)
	if err != nil {
		return err
	}
	cfg := redrive.Config{Bucket: c.Bucket, ErrorsPrefix: c.ErrorsPrefix, Application: c.App, Stream: nameOf(c.Stream, c.StreamARN),
		Days: c.Day, After: c.After, DryRun: c.DryRun}
	for _, reason := range c.Reason {
		cfg.Reasons = append(cfg.Reasons, transform.Reason(reason))
	}
	sum, err := redrive.New(cfg, awsclient.S3(awsCfg, c.BucketOwner), awsclient.Kinesis(awsCfg), log).Run(ctx)
	log.WithFields(logrus.Fields{"objects": sum.Objects, "read": sum.Read, "selected": sum.Selected, "put": sum.Put, "last": sum.Last}).
		Info("redrive ended")
	if err == nil && sum.Objects == 0 && c.After == "" { // after the last object, nothing is left to be found
		err = fmt.Errorf("no dead letters in s3://%s/%s of application %s with the days selected: check --bucket, --errors-prefix, --app, --day",
			c.Bucket, c.ErrorsPrefix, c.App)
	}
	return err
}
