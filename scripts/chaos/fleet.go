package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

const (
	leaseDuration = 3 * time.Second
	flushInterval = time.Second
	stopGrace     = 30 * time.Second // from SIGTERM to SIGKILL
	usual         = 3                // consumers, when no fault says otherwise
	most          = 5
)

// consumer is a place for a consumer, with the way to the three services through proxies of its own. Process after
// process lives in it.
type consumer struct {
	n       int
	binary  string
	proxies [3]*faults.Proxy
	log     *logFile

	busy sync.Mutex // held by the fault that has its process in hand

	mu      sync.Mutex
	name    string
	lives   int
	wanted  bool
	clock   time.Duration // what the next process's clock is wrong by
	process *program      // nil before the first
}

func (c *consumer) String() string { return fmt.Sprintf("consumer %d", c.n) }

// start starts a process; under a new name, it is another instance for whoever reads the lease table.
func (c *consumer) start(renamed bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil && c.process.running() {
		return nil
	}
	if c.lives++; renamed || c.name == "" {
		c.name = fmt.Sprintf("c%d-%d", c.n, c.lives)
	}
	env := servers.Endpoints{Kinesis: c.proxies[onKinesis].URL(), DynamoDB: c.proxies[onDynamoDB].URL(), S3: c.proxies[onS3].URL()}
	binary, environ := c.binary, env.Environ()
	if c.clock != 0 {
		binary, environ = c.binary+"-clock", append(environ, fmt.Sprintf("CHAOS_CLOCK_SECONDS=%d", int(c.clock.Seconds())))
	}
	process, err := start(c.log, environ, binary, "--worker-id", c.name, "--stream", stream, "--app", leaseTable,
		"--bucket", bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix, "--flush-interval", flushInterval.String(),
		"--lease-duration", leaseDuration.String(), "--sync-interval", "250ms")
	c.process, c.wanted = process, true
	return err
}

func (c *consumer) running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process != nil && c.process.running()
}

func (c *consumer) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		c.process.Signal(sig)
	}
}

func (c *consumer) kill() { c.end(0) }

// end stops the process, with SIGKILL once the grace is over.
func (c *consumer) end(grace time.Duration) (clean bool) {
	c.mu.Lock()
	process := c.process
	c.mu.Unlock()
	switch {
	case process == nil:
		return true
	case grace == 0:
		process.Kill()
		return true
	}
	return process.Stop(grace) == nil
}

// fleet is all consumers.
type fleet struct {
	all []*consumer
	// endedByItself is told of a process that nobody stopped.
	endedByItself func(c *consumer, lastLine string)
}

func newFleet(binary, dir string, s *services, seen *lines, endedByItself func(*consumer, string)) (*fleet, error) {
	f := &fleet{endedByItself: endedByItself}
	for n := 1; n <= most; n++ {
		c := &consumer{n: n, binary: binary}
		var err error
		if c.log, err = newLogFile(c.String(), filepath.Join(dir, fmt.Sprintf("consumer-%d.log", n)), seen); err != nil {
			return nil, err
		}
		for _, of := range allServices {
			if c.proxies[of], err = faults.Listen(s.server(of).URL()); err != nil {
				return nil, err
			}
		}
		f.all = append(f.all, c)
	}
	return f, nil
}

// scale makes so many consumers run, those with the lowest numbers.
func (f *fleet) scale(n int) error {
	var stopping sync.WaitGroup
	defer stopping.Wait()
	for _, c := range f.all {
		c.busy.Lock()
		if c.n <= n {
			if err := c.start(false); err != nil {
				c.busy.Unlock()
				return err
			}
			c.busy.Unlock()
			continue
		}
		c.mu.Lock()
		c.wanted = false
		c.mu.Unlock()
		stopping.Go(func() {
			defer c.busy.Unlock()
			c.end(stopGrace)
		})
	}
	return nil
}

// take returns a running consumer that no other fault has in hand, and holds it; nil if there is none.
func (f *fleet) take(rng *rand.Rand) *consumer {
	for _, i := range rng.Perm(len(f.all)) {
		if c := f.all[i]; c.busy.TryLock() {
			if c.running() {
				return c
			}
			c.busy.Unlock()
		}
	}
	return nil
}

// some returns one running consumer, or all places.
func (f *fleet) some(rng *rand.Rand) (chosen []*consumer, name string) {
	if rng.IntN(3) == 0 {
		return f.all, "all consumers"
	}
	for _, i := range rng.Perm(len(f.all)) {
		if c := f.all[i]; c.running() {
			return []*consumer{c}, c.String()
		}
	}
	return f.all, "all consumers"
}

// mend does what a supervisor does until ctx ends: it starts again what ended by itself.
func (f *fleet) mend(ctx context.Context) {
	for tick := time.Tick(time.Second); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		for _, c := range f.all {
			if !c.busy.TryLock() {
				continue
			}
			c.mu.Lock()
			down := c.wanted && !c.process.running()
			c.mu.Unlock()
			if down {
				f.endedByItself(c, c.log.lastLine())
				_ = c.start(false)
			}
			c.busy.Unlock()
		}
	}
}

// stop ends all consumers in order, and reports those that did not end cleanly.
func (f *fleet) stop() (unclean []string) {
	var mu sync.Mutex
	var stopping sync.WaitGroup
	for _, c := range f.all {
		stopping.Go(func() {
			c.busy.Lock()
			defer c.busy.Unlock()
			if c.running() && !c.end(stopGrace) {
				mu.Lock()
				unclean = append(unclean, fmt.Sprintf("%s: %s", c, c.log.lastLine()))
				mu.Unlock()
			}
		})
	}
	stopping.Wait()
	for _, c := range f.all {
		for _, p := range c.proxies {
			p.Close()
		}
	}
	return unclean
}
