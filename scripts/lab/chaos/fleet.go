package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/wait"
)

const (
	leaseDuration  = 3 * time.Second
	flushInterval  = time.Second
	stopGrace      = 30 * time.Second // from SIGTERM to SIGKILL
	usualConsumers = 3                // that run when no fault changes it
	mostConsumers  = 5
)

// fleet is all consumers.
type fleet struct {
	all []*consumer
	// endedByItself is called with a consumer whose process ended though nobody stopped it.
	endedByItself func(c *consumer, lastLine string)
}

func newFleet(binary, dir string, args []string, s *services, counts *logCounts, endedByItself func(*consumer, string)) (*fleet, error) {
	f := &fleet{endedByItself: endedByItself}
	for n := 1; n <= mostConsumers; n++ {
		c := &consumer{n: n, binary: binary, args: args}
		var err error
		if c.log, err = newLogFile(c.String(), filepath.Join(dir, fmt.Sprintf("consumer-%d.log", n)), counts); err != nil {
			return nil, err
		}
		for _, of := range allServices {
			if c.proxies[of], err = faults.Listen(s.url(of)); err != nil {
				return nil, err
			}
		}
		f.all = append(f.all, c)
	}
	return f, nil
}

// scale starts and stops consumers until those with the numbers 1 to n run. It waits for the faults that use a consumer.
func (f *fleet) scale(n int) error {
	var stopping sync.WaitGroup
	defer stopping.Wait()
	for _, c := range f.all {
		c.inUse.Lock()
		if c.n <= n {
			err := c.start(false)
			c.inUse.Unlock()
			if err != nil {
				return err
			}
			continue
		}
		c.unwanted()
		stopping.Go(func() {
			defer c.inUse.Unlock()
			c.stop()
		})
	}
	return nil
}

// lockRunning returns a running consumer that no other fault uses, with its inUse locked. It returns nil if there is none.
func (f *fleet) lockRunning(rng *rand.Rand) *consumer {
	for _, i := range rng.Perm(len(f.all)) {
		if c := f.all[i]; c.inUse.TryLock() {
			if c.running() {
				return c
			}
			c.inUse.Unlock()
		}
	}
	return nil
}

// oneOrAll returns one running consumer or, in a third of the cases and if none runs, all.
func (f *fleet) oneOrAll(rng *rand.Rand) (chosen []*consumer, name string) {
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

// supervise starts again what ended by itself, until ctx ends.
func (f *fleet) supervise(ctx context.Context) {
	for wait.For(ctx, time.Second) == nil {
		for _, c := range f.all {
			if !c.inUse.TryLock() {
				continue
			}
			if c.down() {
				f.endedByItself(c, c.log.lastLine())
				_ = c.start(false)
			}
			c.inUse.Unlock()
		}
	}
}

// stop stops all consumers with SIGTERM. It returns those that did not end cleanly, each with its last line.
func (f *fleet) stop() (unclean []string) {
	var mu sync.Mutex
	var stopping sync.WaitGroup
	for _, c := range f.all {
		stopping.Go(func() {
			c.inUse.Lock()
			defer c.inUse.Unlock()
			if c.running() && !c.stop() {
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
