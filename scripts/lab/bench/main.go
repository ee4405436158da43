// Command bench measures what the built programs do on this machine with the real local servers, and prints the figures
// as tables. It asserts nothing. scripts/bench.sh builds everything and starts it. The subjects:
//
//   - leases: how fast shards find their worker
//   - cost: how many requests leases make, beside the stock worker of vmware-go-kcl-v2
//   - consume: CPU time and memory of a consumer, beside the stock worker
//   - produce: speed and CPU time of the producer, beside a bare PutRecords loop
//   - soak: what the programs hold over two hours; it runs only by its name
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Config is the flags.
type Config struct {
	Subjects []string      `arg:"" optional:"" enum:"leases,cost,consume,produce,soak" help:"leases, cost, consume, produce, soak. Without any, all but soak."`
	Runs     int           `default:"3" help:"Repetitions of what is timed. The table shows all of them."`
	Window   time.Duration `default:"2m" help:"How long requests are counted at rest."`
	Records  int           `default:"200000" help:"Records to consume."`
	Redpanda string        `type:"existingfile" placeholder:"FILE" help:"A binary of Redpanda Connect, to consume beside ours."`
	Soak     time.Duration `default:"2h" help:"How long to soak."`
}

var subjects = []struct {
	name    string
	measure func(context.Context, Config, *rig) error
}{{"leases", leases}, {"cost", cost}, {"consume", consume}, {"produce", produce}, {"soak", soak}}

func main() {
	var cfg Config
	kong.Parse(&cfg, kong.Name("bench.sh"), kong.Description("Measures the built programs against local servers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, and its children with it
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg Config) error {
	for _, subject := range subjects {
		unnamed := len(cfg.Subjects) == 0 && subject.name != "soak"
		if !unnamed && !slices.Contains(cfg.Subjects, subject.name) {
			continue
		}
		r, err := newRig(ctx, subject.name == "soak") // of its own: what one subject stores does not slow the next
		if err != nil {
			return err
		}
		err = subject.measure(ctx, cfg, r)
		r.close()
		if err != nil {
			return fmt.Errorf("%s: %w", subject.name, err)
		}
	}
	return nil
}
