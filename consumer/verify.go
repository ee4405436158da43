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
	"unicode"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
)

// verifyConfig says what to verify, and against what.
type verifyConfig struct {
	App            string   `default:"callevents-consumer" help:"Application name of the consumers, also that of their lease table. Its checkpoints say where the chains end. It is only read."`
	Bucket         string   `default:"aforb-consumer-data" help:"Bucket of the warehouse."`
	Prefix         []string `default:"mandir-event-records/" sep:"none" help:"Prefix of the objects, with a slash at the end; s3://bucket/prefix/ for another bucket. If it was changed between two runs of the consumer, give all of them, oldest first."`
	ErrorsPrefix   []string `default:"mandir-event-errors/" sep:"none" help:"Prefix of the dead letters, with a slash at the end; another bucket, and more than one, as above."`
	Ledger         *os.File `help:"File that the producer wrote with its --ledger. It has what the stream itself may have lost."`
	Stream         string   `help:"Stream to compare with, record by record: the exact way to find what is lost, duplicated, altered or out of order, as long as its retention holds the records. For an application that started at TRIM_HORIZON. Stop the producer before."`
	StreamARN      string   `name:"stream-arn" placeholder:"ARN" help:"ARN of the stream to compare with, instead of its name. It may belong to another account."`
	AllowUnchecked bool     `help:"Exit with 0 also if not everything could be checked, as long as nothing wrong was found."`
	JSON           bool     `name:"json" help:"Print the report as one JSON document instead of lines."`

	Owner `embed:""`
}

// Validate reports every problem at once.
func (c *verifyConfig) Validate() error {
	var problems []error
	if c.Bucket == "" {
		problems = append(problems, errors.New("--bucket must not be empty"))
	}
	if !tableName.MatchString(c.App) {
		problems = append(problems, fmt.Errorf("--app %q: use 3 to 255 letters, digits, _ . or -, as for a DynamoDB table", c.App))
	}
	for _, prefix := range slices.Concat(c.Prefix, c.ErrorsPrefix) {
		if _, err := c.location(prefix); err != nil || !strings.HasSuffix(prefix, "/") {
			problems = append(problems, fmt.Errorf("prefix %q: use a prefix that ends with a slash, or s3://<bucket>/<prefix>/", prefix))
		}
	}
	return errors.Join(append(problems, checkARN(c.StreamARN), c.Owner.check())...)
}

// The exit codes of verify.
const (
	exitWell      = 0
	exitFaulty    = 1 // something is wrong
	exitUnchecked = 2 // nothing wrong was found, but not everything could be checked
	exitNoVerdict = 3 // the flags are wrong, or something could not be read
)

// verify reads a warehouse from end to end and prints, figure by figure, whether everything is there once, in order and
// in form. It only reads.
func verify(ctx context.Context, args []string, out, errOut io.Writer) (exitCode int) {
	var c verifyConfig
	_, err := program().Parse("verify", &c, args)
	var report audit.Report
	if err == nil {
		report, err = c.audit(ctx, errOut)
	}
	if err == nil {
		err = printReport(out, report, c.JSON)
	}
	switch {
	case err != nil:
		fmt.Fprintf(errOut, "verify: %s\n", printable(err.Error()))
		return exitNoVerdict
	case report.Verdict == audit.Faulty:
		return exitFaulty
	case report.Verdict == audit.Unchecked && !c.AllowUnchecked:
		return exitUnchecked
	}
	return exitWell
}

// audit runs the audit, and shows on a terminal how far it is.
func (c *verifyConfig) audit(ctx context.Context, terminal io.Writer) (audit.Report, error) {
	awsConfig, err := loadAWS(c.StreamARN)(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	cfg := audit.Config{Links: c.locations(c.Prefix), DeadLetters: c.locations(c.ErrorsPrefix)}
	if cfg.Table, err = audit.ReadTable(ctx, awsclient.DynamoDB(awsConfig), c.App); err != nil {
		return audit.Report{}, err
	}
	if c.Ledger != nil { // a nil *os.File in an interface would not be nil
		defer c.Ledger.Close()
		cfg.Ledger = c.Ledger
	}
	if name := nameOf(c.Stream, c.StreamARN); name != "" {
		if cfg.Source, err = audit.OpenStream(ctx, awsConfig, name); err != nil {
			return audit.Report{}, err
		}
	}
	show, erase := progress(terminal)
	defer erase()
	cfg.Progress = show
	report, err := audit.Run(ctx, awsclient.S3(awsConfig, c.BucketOwner), cfg)
	if err == nil && report.Objects == 0 && cfg.Ledger == nil && cfg.Source == nil {
		err = fmt.Errorf("no objects in %v: are --bucket and --prefix right?", cfg.Links)
	}
	return report, err
}

func (c *verifyConfig) locations(prefixes []string) (list []warehouse.Location) {
	for _, prefix := range prefixes {
		at, _ := c.location(prefix) // validated
		list = append(list, at)
	}
	return list
}

// location reads a prefix, which may name its bucket.
func (c *verifyConfig) location(prefix string) (warehouse.Location, error) {
	if strings.HasPrefix(prefix, "s3://") {
		return warehouse.ParseLocation(prefix)
	}
	return warehouse.Location{Bucket: c.Bucket, Prefix: prefix}, nil
}

func printReport(out io.Writer, report audit.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	for _, line := range report.Lines() {
		fmt.Fprintln(out, printable(line))
	}
	for _, detail := range report.Details {
		fmt.Fprintln(out, "  "+printable(detail))
	}
	_, err := fmt.Fprintln(out, map[audit.Verdict]string{
		audit.Well:      "all is well",
		audit.Faulty:    "something is wrong, see above",
		audit.Unchecked: "nothing wrong was found, but not everything was checked, see above",
	}[report.Verdict])
	return err
}

// printable takes out of a text what a terminal may obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
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
