// Command bench measures what the built programs do on this machine, against the real local servers, and prints
// the figures as tables: how fast leases move, what they cost in requests, and what consuming costs in CPU and memory,
// the last two beside the stock vmware-go-kcl-v2 worker; and how fast events are put and at what CPU time, beside a bare
// PutRecords loop. It asserts nothing. The soak, which takes two hours, runs only by its name.
//
//	go run ./scripts/bench [leases|cost|consume|produce|soak ...]
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

// Config is what can be set.
type Config struct {
	Subjects []string      `arg:"" optional:"" enum:"leases,cost,consume,produce,soak" help:"leases, cost, consume, produce; all of these without any. And soak."`
	Runs     int           `default:"3" help:"Repetitions of what is timed; the table shows all of them."`
	Window   time.Duration `default:"2m" help:"How long requests are counted at steady state."`
	Records  int           `default:"200000" help:"Records to consume."`
	Redpanda string        `type:"existingfile" placeholder:"FILE" help:"Binary of Redpanda Connect, to consume beside it."`
	Soak     time.Duration `default:"2h" help:"How long to soak."`
}

func main() {
	var cfg Config
	kong.Parse(&cfg, kong.Name("bench"), kong.Description("Measures the built programs against local servers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, and its children with it
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg Config) error {
	for _, subject := range []struct {
		name    string
		measure func(context.Context, Config, *rig) error
	}{{"leases", leases}, {"cost", cost}, {"consume", consume}, {"produce", produce}, {"soak", soak}} {
		unnamed := len(cfg.Subjects) == 0 && subject.name != "soak"
		if !unnamed && !slices.Contains(cfg.Subjects, subject.name) {
			continue
		}
		r, err := newRig(ctx, subject.name == "soak") // of its own: what one subject stores does not weigh on the next
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
