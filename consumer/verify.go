package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
)

// verifyConfig says what to verify, and against what.
type verifyConfig struct {
	Bucket       string   `default:"aforb-consumer-data" help:"Bucket of the warehouse."`
	Prefix       []string `default:"mandir-event-records/" sep:"none" help:"Prefix of the objects, with a slash at the end. If it was changed between two runs of the consumer, give all of them, oldest first."`
	ErrorsPrefix []string `default:"mandir-event-errors/" sep:"none" help:"Prefix of the dead letters, with a slash at the end; more than one as above."`
	Ledger       *os.File `help:"File that the producer wrote with its --ledger. Without it or --stream, lost records and their order cannot be checked."`
	Stream       string   `help:"Stream to compare with, record by record: the exact way to find what is lost, duplicated or out of order, as long as its retention holds the records. For an application that started at TRIM_HORIZON. Stop the producer before."`
	JSON         bool     `name:"json" help:"Print the report as one JSON document instead of lines."`
}

// Validate reports every problem at once.
func (c *verifyConfig) Validate() error {
	var problems []error
	if c.Bucket == "" {
		problems = append(problems, errors.New("--bucket must not be empty"))
	}
	for _, prefix := range slices.Concat(c.Prefix, c.ErrorsPrefix) {
		if !strings.HasSuffix(prefix, "/") {
			problems = append(problems, fmt.Errorf("prefix %q: must end with a slash", prefix))
		}
	}
	return errors.Join(problems...)
}

// verify reads a warehouse from end to end and prints, figure by figure, whether everything is there once, in order and
// in form. It only reads. The exit code is 0 if all is well, 1 if anything is off, and 2 if that could not be found out
// or the flags are wrong.
func verify(ctx context.Context, args []string, out, errOut io.Writer) (exitCode int) {
	var c verifyConfig
	parser := kong.Must(&c, kong.Name("consumer verify"), kong.DefaultEnvars("CALLEVENTS"),
		kong.Description("Reads every object of a warehouse and says what is in it and what is wrong. Stop the consumers before. "+
			"AWS region, credentials and endpoints come from the usual AWS environment."))
	_, err := parser.Parse(args)
	var report audit.Report
	if err == nil {
		report, err = c.audit(ctx, errOut)
	}
	if err == nil {
		err = printReport(out, report, c.JSON)
	}
	switch {
	case err != nil:
		fmt.Fprintf(errOut, "verify: %v\n", err)
		return 2
	case !report.OK():
		return 1
	}
	return 0
}

// audit runs the audit, and shows on a terminal how far it is.
func (c *verifyConfig) audit(ctx context.Context, terminal io.Writer) (audit.Report, error) {
	awsConfig, err := awsclient.Load(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	show, erase := progress(terminal)
	defer erase()
	cfg := audit.Config{
		Links:       locationsIn(c.Bucket, c.Prefix),
		DeadLetters: locationsIn(c.Bucket, c.ErrorsPrefix),
		Progress:    show,
	}
	if c.Ledger != nil { // a nil *os.File in an interface would not be nil
		defer c.Ledger.Close()
		cfg.Ledger = c.Ledger
	}
	if c.Stream != "" {
		if cfg.Source, err = audit.OpenStream(ctx, awsConfig, c.Stream); err != nil {
			return audit.Report{}, err
		}
	}
	report, err := audit.Run(ctx, awsclient.S3(awsConfig), cfg)
	if err == nil && report.Objects == 0 && cfg.Ledger == nil && cfg.Source == nil {
		err = fmt.Errorf("no objects in %v: are --bucket and --prefix right?", cfg.Links)
	}
	return report, err
}

func locationsIn(bucket string, prefixes []string) (list []warehouse.Location) {
	for _, prefix := range prefixes {
		list = append(list, warehouse.Location{Bucket: bucket, Prefix: prefix})
	}
	return list
}

func printReport(out io.Writer, report audit.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	for _, line := range report.Lines() {
		fmt.Fprintln(out, line)
	}
	for _, detail := range report.Details {
		fmt.Fprintln(out, "  "+detail)
	}
	verdict := "all is well"
	if !report.OK() {
		verdict = "something is off, see above"
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// progress returns two functions: one keeps a line on a terminal up to date, the other erases it. If out is no terminal,
// they write nothing.
func progress(out io.Writer) (show func(audit.Report), erase func()) {
	file, ok := out.(*os.File)
	if ok {
		info, err := file.Stat()
		ok = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if !ok {
		return nil, func() {}
	}
	const pause = 200 * time.Millisecond
	var last time.Time
	show = func(r audit.Report) {
		if now := time.Now(); now.Sub(last) > pause {
			last = now
			fmt.Fprintf(out, "\r%d objects, %d records", r.Objects, r.Records)
		}
	}
	return show, func() { fmt.Fprint(out, "\r\033[K") }
}
