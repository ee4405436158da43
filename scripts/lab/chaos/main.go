// Command chaos puts the real binaries and the real local servers through random, overlapping faults, and then
// verifies that every record is in the warehouse once, in order. scripts/chaos.sh builds everything and starts it.
//
// # A run
//
// A producer puts the call events of a file, with a journal, three consumers warehouse them. Faults come in waves of one fault, to measure the recovery
// from it, or of several that overlap. After a wave, every shard must make progress again within the patience. At the
// end the producer stops, the consumers warehouse what is left and stop, and consumer verify compares what is stored with
// the stream and with the producer's ledger.
//
// The seed decides which faults come in which order, where and for how long. It does not decide what the programs are
// doing at that moment: a seed repeats the plan of a run, not its course.
//
// # What it does not do
//
// It does not imitate a service. Faults are injected in front of the real local servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Config is the flags.
type Config struct {
	Seed       uint64        `default:"0" help:"Seed of the plan. 0: random."`
	Minutes    float64       `default:"0" help:"How long to inject faults."`
	Seconds    float64       `default:"0" help:"The same in seconds, in addition."`
	Rate       float64       `default:"200" help:"Call events per second."`
	Patience   time.Duration `default:"13s" help:"How long a shard may make no progress after the faults. The lease duration is 3s."`
	Read       string        `default:"polling" enum:"polling,fan-out" help:"How the consumers read: polling or fan-out."`
	NoIdentity bool          `help:"Run the producer without identities and without a journal, to see what is stored twice and what the ledger lacks then."`
	Stock      bool          `help:"Run the stock consumer of the library instead of ours, to see what is lost and duplicated then."`
	Only       []string      `placeholder:"KIND,..." help:"Inject only these kinds of faults."`
	List       bool          `help:"List the kinds of faults and end."`
	Root       string        `default:"." help:"The repository, with its servers. The binaries lie beside this one."`
}

// Validate reports every problem at once. Kong calls it after parsing.
func (c *Config) Validate() error {
	var problems []error
	if c.duration() <= 0 && !c.List {
		problems = append(problems, errors.New("--minutes or --seconds: more than 0"))
	}
	if c.Stock && c.fanOut() {
		problems = append(problems, errors.New("--stock: the stock consumer polls"))
	}
	if c.Rate < 1 {
		problems = append(problems, fmt.Errorf("--rate %v: at least 1", c.Rate))
	}
	if c.Patience < 5*time.Second {
		problems = append(problems, fmt.Errorf("--patience %v: at least 5s, the lease duration is 3s", c.Patience))
	}
	if _, err := c.kinds(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (c *Config) fanOut() bool { return c.Read == "fan-out" }

func (c *Config) duration() time.Duration {
	return time.Duration((c.Minutes*60 + c.Seconds) * float64(time.Second))
}

// kinds returns the kinds that the run may inject.
func (c *Config) kinds() (list []kind, err error) {
	for _, k := range kinds() {
		if (!c.Stock || !k.oursOnly) && (c.fanOut() || !k.fanOutOnly) {
			list = append(list, k)
		}
	}
	if len(c.Only) == 0 {
		return list, nil
	}
	var chosen []kind
	for _, name := range c.Only {
		found := false
		for _, k := range list {
			if k.name == name {
				chosen, found = append(chosen, k), true
			}
		}
		if !found {
			err = errors.Join(err, fmt.Errorf("--only %q: no such kind, see --list", name))
		}
	}
	return chosen, err
}

func main() {
	var cfg Config
	parser := kong.Must(&cfg, kong.Name("chaos.sh"), kong.Description("Puts the pipeline through random faults and verifies what is left."))
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", strings.ReplaceAll(err.Error(), "\n", "\nchaos: "))
		os.Exit(2)
	}
	if cfg.List {
		list, _ := cfg.kinds()
		for _, k := range list {
			fmt.Println(k.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, and its children with it
	ok, err := run(ctx, cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}
