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
	recoveryTimeout = 2 * time.Minute // for a wave; what takes longer than the patience is a stall anyway
	drainTimeout    = 2 * time.Minute // for what was put last
	verifyTimeout   = 10 * time.Minute
	generation      = 2 * time.Second // to take and finish the closed shards between two reshards
)

// chaos is one run.
type chaos struct {
	cfg      Config
	dir      string
	began    time.Time
	always   context.Context // ends with the run, not with the faults
	services *services
	fleet    *fleet
	producer *producer
	watch    *watch
	seen     *lines
	poison   *poisoned
	outages  [3]sync.Mutex // one restart of a server at a time

	tableLost atomic.Bool // in this wave

	mu       sync.Mutex
	injected map[string]int
	skipped  map[string]string // kind to reason
	exits    []string          // consumers that ended by themselves
	wrong    []string          // what fails the run, besides what the verification finds
}

// run is one run, top to bottom; everything is stopped in the reverse order. ok reports that nothing was wrong; an
// error, that this could not be found out.
func run(ctx context.Context, cfg Config) (ok bool, err error) {
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64() >> 32
	}
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return false, fmt.Errorf("make directory: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("find this program: %w", err)
	}
	bin := filepath.Dir(program)
	c := &chaos{cfg: cfg, dir: dir, began: time.Now(), always: context.WithoutCancel(ctx), injected: map[string]int{},
		skipped: map[string]string{}, seen: &lines{errors: map[string]int{}}, poison: &poisoned{}}
	c.say("seed %d, %v of faults, %v records a second, in %s", cfg.Seed, cfg.duration(), cfg.Rate, dir)

	serverLog, err := os.Create(filepath.Join(dir, "servers.log"))
	if err != nil {
		return false, err
	}
	if c.services, err = startServices(ctx, root, dir, serverLog); err != nil {
		return false, err
	}
	defer c.services.Stop()
	if c.producer, err = newProducer(filepath.Join(bin, "producer"), dir, cfg, c.services, c.seen); err != nil {
		return false, err
	}
	defer c.producer.close()
	if err := c.producer.start(); err != nil {
		return false, err
	}
	if err := c.services.awaitStream(ctx); err != nil {
		return false, err
	}
	if c.fleet, err = newFleet(c.consumerBinary(bin), dir, c.services, c.seen, c.endedByItself); err != nil {
		return false, err
	}
	defer c.fleet.stop()
	c.watch = newWatch(c.services, c.producer.ledger, cfg.Stock, c.recovered)

	report, err := c.course(ctx, filepath.Join(bin, "verify"))
	if err != nil {
		return false, err
	}
	c.services.Stop()
	c.producer.close()
	if leaked := processesIn(dir); len(leaked) > 0 {
		c.fail("leaked processes: %s", strings.Join(leaked, ", "))
	}
	ok = c.print(os.Stdout, report)
	if ok {
		return true, os.RemoveAll(dir)
	}
	c.say("everything is kept in %s", dir)
	return false, nil
}

func (c *chaos) consumerBinary(bin string) string {
	if c.cfg.Stock {
		return filepath.Join(bin, "stock")
	}
	return filepath.Join(bin, "consumer")
}

// course runs the faults and what comes after them.
func (c *chaos) course(ctx context.Context, verifyBinary string) (report, error) {
	background, cancel := context.WithCancel(c.always)
	defer cancel()
	var loops sync.WaitGroup
	loops.Go(func() { c.watch.run(background) })
	loops.Go(func() { c.fleet.mend(background) })
	loops.Go(func() { c.producer.mend(background, c.say, c.fail) })
	if err := c.fleet.scale(usual); err != nil {
		return report{}, err
	}
	c.watch.mark(nil, "start", false)
	c.settle(ctx, time.Now())
	failed := c.waves(ctx)

	c.say("faults are over: producer stops, consumers warehouse what is left")
	if !c.producer.stop() {
		c.fail("producer did not end cleanly: %s", c.producer.log.lastLine())
	}
	c.drain()
	cancel()
	loops.Wait()
	for _, unclean := range c.fleet.stop() {
		c.fail("did not end cleanly: %s", unclean)
	}
	if failed != nil {
		return report{}, failed
	}
	c.say("verification")
	ctx, cancel = context.WithTimeout(c.always, verifyTimeout)
	defer cancel()
	if c.cfg.Stock {
		return c.verifyStock(ctx)
	}
	r, err := c.verify(ctx, verifyBinary)
	return r, errors.Join(err, c.checkPoison(ctx))
}

// waves injects faults for as long as was asked for, and until every kind had its turn.
func (c *chaos) waves(ctx context.Context) error {
	list, err := c.cfg.kinds()
	if err != nil {
		return err
	}
	plan := newPlan(c.cfg.Seed, list, c.cfg.duration())
	end := time.Now().Add(c.cfg.duration())
	for ctx.Err() == nil && (time.Now().Before(end) || !plan.complete()) {
		c.tableLost.Store(false)
		c.wave(ctx, plan.next())
		if err := c.fleet.scale(usual); err != nil {
			return err
		}
		c.settle(c.always, time.Now())
	}
	return nil
}

func (c *chaos) wave(ctx context.Context, wave []planned) {
	var running sync.WaitGroup
	for _, p := range wave {
		running.Go(func() {
			f := &fault{chaos: c, kind: p.kind, rng: p.rng, ctx: ctx, company: len(wave) > 1}
			f.hold(p.delay)
			f.inject()
		})
	}
	running.Wait()
}

// settle waits until every shard makes progress again. Only a shard that makes none for longer than the patience is
// wrong; many shards may take their time.
func (c *chaos) settle(ctx context.Context, quiet time.Time) {
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	told := false
	for tick := time.Tick(100 * time.Millisecond); c.watch.waiting(); {
		select {
		case <-ctx.Done():
			for _, kind := range c.watch.giveUp() {
				c.fail("no recovery from %s within %v", kind, recoveryTimeout)
			}
			return
		case <-tick:
		}
		if stalled := c.watch.stalled(quiet, c.patience()); len(stalled) > 0 && !told {
			told = true
			c.fail("stall: no progress for %v on %s", c.patience(), strings.Join(stalled, ", "))
		}
	}
}

// drain waits until everything that was put is warehoused.
func (c *chaos) drain() {
	deadline, quiet, told := time.Now().Add(drainTimeout), time.Now(), false
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 5 { // for the last lines of the ledger to be read
		<-tick.C
	}
	for c.watch.behind() > 0 && time.Now().Before(deadline) {
		<-tick.C
		if stalled := c.watch.stalled(quiet, c.patience()); len(stalled) > 0 && !told {
			told = true
			c.fail("stall: no progress for %v on %s", c.patience(), strings.Join(stalled, ", "))
		}
	}
	if n := c.watch.behind(); n > 0 {
		c.fail("not everything was warehoused within %v: %d shards are behind", drainTimeout, n)
	}
}

// patience is how long a shard may be without progress. Where the lease table was lost, every shard that the stream
// still lists is taken again, parents first: a generation after the other, at a sync interval and a page or two each.
func (c *chaos) patience() time.Duration {
	if c.tableLost.Load() {
		return c.cfg.Patience + time.Duration(c.watch.depth())*generation
	}
	return c.cfg.Patience
}

func (c *chaos) endedByItself(consumer *consumer, lastLine string) {
	c.mu.Lock()
	c.exits = append(c.exits, lastLine)
	c.mu.Unlock()
	c.say("%s ended by itself, started again: %s", consumer, lastLine)
}

func (c *chaos) recovered(kind string, took time.Duration, company bool) {
	how := "alone"
	if company {
		how = "among others"
	}
	c.say("%-22s from %s after %.1fs, %s", "recovered", kind, took.Seconds(), how)
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
