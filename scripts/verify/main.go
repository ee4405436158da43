// Command verify reads a warehouse from end to end and says, figure by figure, whether everything is there once, in
// order and in form. It only reads. The exit code is 0 if all is well, 1 if anything is off, and 2 if that could not
// be found out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
)

// Config is what can be set, by flag or by environment variable (CALLEVENTS_<FLAG_NAME>).
type Config struct {
	Bucket       string   `default:"aforb-consumer-data" help:"Bucket of the warehouse."`
	Prefix       []string `default:"mandir-event-records/" sep:"none" help:"Prefix of the objects, with a slash at the end. If it was changed between two runs of the consumer, give all of them, oldest first."`
	ErrorsPrefix []string `default:"mandir-event-errors/" sep:"none" help:"Prefix of the dead letters, with a slash at the end; more than one as above."`
	Ledger       *os.File `help:"File that the producer wrote with its --ledger. Without it or --stream, lost records and their order cannot be checked."`
	Stream       string   `help:"Stream to compare with, record by record: the exact way to find what is lost, duplicated or out of order, as long as its retention holds the records. For an application that started at TRIM_HORIZON. Stop the producer before."`
	JSON         bool     `name:"json" help:"Print the report as one JSON document instead of lines."`
}

// Validate reports every problem at once. Kong calls it after parsing.
func (c *Config) Validate() error {
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(realMain(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func realMain(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cfg Config
	parser := kong.Must(&cfg, kong.Name("verify"), kong.DefaultEnvars("CALLEVENTS"),
		kong.Description("Reads every object of a warehouse and says what is in it and what is wrong. Stop the consumers before. "+
			"AWS region, credentials and endpoints come from the usual AWS environment."))
	if _, err := parser.Parse(args); err != nil {
		fmt.Fprintf(errOut, "verify: %v\n", err)
		return 2
	}
	show, clear := progress(errOut)
	report, err := verify(ctx, cfg, show)
	clear()
	if err != nil {
		fmt.Fprintf(errOut, "verify: %v\n", err)
		return 2
	}
	if err := print(out, report, cfg.JSON); err != nil {
		fmt.Fprintf(errOut, "verify: %v\n", err)
		return 2
	}
	if !report.OK() {
		return 1
	}
	return 0
}

func verify(ctx context.Context, cfg Config, progress func(warehouse.Report)) (warehouse.Report, error) {
	awsConfig, err := awsclient.Load(ctx)
	if err != nil {
		return warehouse.Report{}, err
	}
	v := warehouse.Verification{
		Locations: locations(cfg.Bucket, cfg.Prefix),
		Errors:    locations(cfg.Bucket, cfg.ErrorsPrefix),
		Progress:  progress,
	}
	if cfg.Ledger != nil { // a nil *os.File in an interface would not be nil
		defer cfg.Ledger.Close()
		v.Ledger = cfg.Ledger
	}
	if cfg.Stream != "" {
		if v.Source, err = newSource(ctx, awsConfig, cfg.Stream); err != nil {
			return warehouse.Report{}, err
		}
	}
	report, err := warehouse.Verify(ctx, awsclient.S3(awsConfig), v)
	if err == nil && report.Objects == 0 && v.Ledger == nil && v.Source == nil {
		err = fmt.Errorf("no objects in %v: are --bucket and --prefix right?", v.Locations)
	}
	return report, err
}

func locations(bucket string, prefixes []string) (list []warehouse.Location) {
	for _, prefix := range prefixes {
		list = append(list, warehouse.Location{Bucket: bucket, Prefix: prefix})
	}
	return list
}

func print(out io.Writer, report warehouse.Report, asJSON bool) error {
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

// progress returns what keeps one line on a terminal up to date, and what clears it. If out is no terminal, neither
// writes anything.
func progress(out io.Writer) (show func(warehouse.Report), clear func()) {
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
	show = func(r warehouse.Report) {
		if now := time.Now(); now.Sub(last) > pause {
			last = now
			fmt.Fprintf(out, "\r%d objects, %d records", r.Objects, r.Records)
		}
	}
	return show, func() { fmt.Fprint(out, "\r\033[K") }
}
