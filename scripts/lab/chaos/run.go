package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	recoveryTimeout = 2 * time.Minute // of a wave; a recovery that takes longer than the patience is a stall anyway
	drainTimeout    = 2 * time.Minute // for what was put last
	verifyTimeout   = 10 * time.Minute
	generationTime  = 2 * time.Second // to acquire and finish the closed shards of one generation
)

// chaos is one run.
type chaos struct {
	cfg      Config
	bin      string // the directory of the programs
	dir      string // of everything that the run writes
	began    time.Time
	services *services
	fleet    *fleet
	producer *producer
	watch    *watch
	logs     *logCounts
	poison   *poisoned
	outages  [3]sync.Mutex // by service: held while it is down, and while a fault changes its data

	tableLost atomic.Bool // in this wave
	silenced  atomic.Bool // subscriptions, in this wave

	mu       sync.Mutex
	injected map[string]int
	skipped  map[string]string // kind to reason
	exits    []string          // the last lines of consumers that ended by themselves
	wrong    []string          // what fails the run, besides what the verification finds
}

// run is one run, top to bottom. Everything is stopped in the reverse order. ok reports that nothing was wrong; an
// error says why that could not be found out.
func run(ctx context.Context, cfg Config) (ok bool, err error) {
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64() >> 32
	}
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return false, err
	}
	program, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return false, fmt.Errorf("make directory: %w", err)
	}
	c := &chaos{cfg: cfg, bin: filepath.Dir(program), dir: dir, began: time.Now(), injected: map[string]int{},
		skipped: map[string]string{}, logs: &logCounts{errors: map[string]int{}}, poison: &poisoned{}}
	c.say("seed %d, %v of faults, %v records a second, read by %s, in %s", cfg.Seed, cfg.duration(), cfg.Rate, cfg.Read, dir)
	report, err := c.run(ctx, root)
	if err != nil {
		return false, err
	}
	if leaked := processesIn(dir); len(leaked) > 0 {
		c.fail("leaked processes: %s", strings.Join(leaked, ", "))
	}
	if c.print(os.Stdout, report) {
		return true, os.RemoveAll(dir)
	}
	c.say("everything is kept in %s", dir)
	return false, nil
}

// run starts servers and programs, injects the faults, and verifies what was stored.
func (c *chaos) run(ctx context.Context, root string) (r report, err error) {
	serverLog, err := os.Create(filepath.Join(c.dir, "servers.log"))
	if err != nil {
		return r, err
	}
	defer serverLog.Close()
	if c.services, err = startServices(ctx, root, c.dir, c.cfg.fanOut(), serverLog); err != nil {
		return r, err
	}
	defer c.services.Stop()
	if c.producer, err = newProducer(filepath.Join(c.bin, "producer"), c.dir, c.cfg, c.services, c.logs); err != nil {
		return r, err
	}
	defer c.producer.close()
	if err := c.producer.start(); err != nil {
		return r, err
	}
	if err := c.services.awaitStream(ctx); err != nil {
		return r, err
	}
	if c.fleet, err = newFleet(c.consumerBinary(), c.dir, c.consumerArgs(), c.services, c.logs, c.endedByItself); err != nil {
		return r, err
	}
	defer c.fleet.stop()
	c.watch = newWatch(c.services, c.producer.ledger, c.cfg.Stock, c.recovered)
	if err := c.injectFaults(ctx); err != nil {
		return r, err
	}
	return c.verification(context.WithoutCancel(ctx))
}

func (c *chaos) consumerBinary() string {
	if c.cfg.Stock {
		return filepath.Join(c.bin, "stock")
	}
	return filepath.Join(c.bin, "consumer")
}

func (c *chaos) consumerArgs() []string {
	if c.cfg.fanOut() {
		return []string{"--read", c.cfg.Read}
	}
	return nil // the stock consumer has no such flag
}

// injectFaults injects all waves while the programs run, then stops the programs in order.
func (c *chaos) injectFaults(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var loops sync.WaitGroup
	loops.Go(func() { c.watch.run(background) })
	loops.Go(func() { c.fleet.supervise(background) })
	loops.Go(func() { c.producer.supervise(background, c.say, c.fail) })
	if err := c.fleet.scale(usualConsumers); err != nil {
		return err
	}
	c.watch.measure(nil, "start", false)
	c.awaitRecovery(ctx)
	failed := c.waves(ctx)

	c.say("faults are over: producer stops, consumers warehouse what is left")
	if !c.producer.stop() {
		c.fail("producer did not end cleanly: %s", c.producer.log.lastLine())
	}
	c.drain(background)
	cancel()
	loops.Wait()
	for _, unclean := range c.fleet.stop() {
		c.fail("did not end cleanly: %s", unclean)
	}
	return failed
}

func (c *chaos) verification(ctx context.Context) (report, error) {
	c.say("verification")
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	if c.cfg.Stock {
		return c.verifyStock()
	}
	r, err := c.verify(ctx, filepath.Join(c.bin, "verify"))
	return r, errors.Join(err, c.checkPoison(ctx))
}

func (c *chaos) endedByItself(consumer *consumer, lastLine string) {
	c.mu.Lock()
	c.exits = append(c.exits, lastLine)
	c.mu.Unlock()
	c.say("%s ended by itself, started again: %s", consumer, lastLine)
}

func (c *chaos) recovered(m measurement) {
	how := "alone"
	if m.overlapping {
		how = "among others"
	}
	c.say("%-22s from %s after %.1fs, %s", "recovered", m.kind, m.took.Seconds(), how)
}

// say prints a line of the timeline.
func (c *chaos) say(format string, args ...any) {
	fmt.Printf("%7.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// fail notes that something is wrong.
func (c *chaos) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.say("WRONG: %s", text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, text)
}
