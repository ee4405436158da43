// Command local runs the whole pipeline on one machine, against real servers: a producer, consumers, and a line every
// few seconds about what they do. scripts/run-local.sh builds everything and starts it.
//
// Ctrl-C or the end of --duration stops everything in order: the producer; the consumers, once they have warehoused what
// was put; then comes the verification; the servers stop last. What was stored stays in --data, and the next run goes on
// from there. Nothing that was started here runs on, however this program ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Config is what can be set.
type Config struct {
	Consumers int     `default:"2" help:"Consumers to run."`
	Rate      float64 `default:"10" help:"Call events per second."`
	Duration  float64 `default:"0" help:"Seconds to run. 0: until Ctrl-C."`
	Data      string  `placeholder:"DIR" help:"Directory for everything that is stored. Default: data/local in the repository."`

	root string // the repository
}

// Validate reports every problem at once. Kong calls it after parsing.
func (c *Config) Validate() error {
	var problems []error
	if c.Consumers < 1 || c.Consumers > 50 {
		problems = append(problems, fmt.Errorf("--consumers %d: 1 to 50", c.Consumers))
	}
	if c.Rate <= 0 {
		problems = append(problems, fmt.Errorf("--rate %v: more than 0", c.Rate))
	}
	if c.Duration < 0 {
		problems = append(problems, fmt.Errorf("--duration %v: 0 (until Ctrl-C) or more seconds", c.Duration))
	}
	return errors.Join(problems...)
}

func main() {
	var cfg Config
	parser := kong.Must(&cfg, kong.Name("run-local.sh"), kong.Description("Runs producer, consumers and local servers, and verifies what was stored."))
	_, err := parser.Parse(os.Args[1:])
	if err == nil {
		err = cfg.locate()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "run-local:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, and its children with it
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "run-local:", err)
		os.Exit(1)
	}
}

// locate finds the repository, three levels above this program (.local/bin/local), and the data directory.
func (c *Config) locate() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	c.root = filepath.Dir(filepath.Dir(filepath.Dir(program)))
	if c.Data == "" {
		c.Data = filepath.Join(c.root, "data", "local")
	}
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return fmt.Errorf("find data directory: %w", err)
	}
	return nil
}

func (c *Config) duration() time.Duration { return time.Duration(c.Duration * float64(time.Second)) }
