package main

import (
	"context"
	"net/http"
	"syscall"
	"time"

	"example.com/callevents/shared/testenv/faults"
)

const mostClockError = 12 * time.Hour

// kill kills a consumer and starts it again after a while, as the same worker or as another.
func kill(renamed bool) func(context.Context, *fault) error {
	return func(ctx context.Context, f *fault) error {
		c, err := f.lockConsumer(ctx)
		if err != nil {
			return err
		}
		defer c.inUse.Unlock()
		f.begins("%s", c)
		c.kill()
		pause(ctx, f.random(0, 2*leaseDuration))
		return c.start(renamed)
	}
}

// zombie pauses a consumer for longer than its leases last. When it goes on, other workers have its shards.
func zombie(ctx context.Context, f *fault) error {
	c, err := f.lockConsumer(ctx)
	if err != nil {
		return err
	}
	defer c.inUse.Unlock()
	duration := f.random(leaseDuration*11/10, leaseDuration*5/2)
	f.begins("%s for %v", c, duration)
	c.signal(syscall.SIGSTOP)
	defer c.signal(syscall.SIGCONT)
	pause(ctx, duration)
	return nil
}

// terminate stops a consumer with SIGTERM and starts it again after a while. A consumer hands its shards over then.
func terminate(ctx context.Context, f *fault) error {
	c, err := f.lockConsumer(ctx)
	if err != nil {
		return err
	}
	defer c.inUse.Unlock()
	f.begins("%s", c)
	if !c.stop() {
		f.note("%s did not end cleanly: %s", c, c.log.lastLine())
	}
	pause(ctx, f.random(0, leaseDuration))
	return c.start(false)
}

// scale goes through 1, 5 and 2 consumers, and back to the usual number.
func scale(ctx context.Context, f *fault) error {
	for _, n := range []int{1, mostConsumers, 2, usualConsumers} {
		f.begins("to %d", n)
		if err := f.fleet.scale(n); err != nil {
			return err
		}
		if n != usualConsumers {
			pause(ctx, f.random(time.Second, leaseDuration*3/2))
		}
	}
	return nil
}

// lateWrite kills a consumer whose objects are still on their way. They arrive at about the time when the next owner of
// its shards begins.
func lateWrite(ctx context.Context, f *fault) error {
	c, err := f.lockConsumer(ctx)
	if err != nil {
		return err
	}
	defer c.inUse.Unlock()
	delay := f.random(leaseDuration, 2*leaseDuration) // with luck, after the next owner has looked for the tip and before its first commit
	rule := c.proxies[onS3].Add(faults.Rule{Operation: http.MethodPut, Fault: arriving(delay)})
	pause(ctx, flushInterval+f.random(0, flushInterval))
	f.begins("%s is killed, its objects arrive %v after they were sent", c, delay)
	c.kill()
	pause(ctx, delay)
	rule.Remove()
	return c.start(false)
}

// wrongClock restarts a consumer with a clock that is hours wrong, and then with the right one again.
func wrongClock(ctx context.Context, f *fault) error {
	c, err := f.lockConsumer(ctx)
	if err != nil {
		return err
	}
	defer c.inUse.Unlock()
	clock := f.random(-mostClockError, mostClockError)
	f.begins("%s, %v off", c, clock.Round(time.Second))
	for _, wrongBy := range []time.Duration{clock, 0} {
		if !c.stop() {
			f.note("%s did not end cleanly: %s", c, c.log.lastLine())
		}
		c.setClock(wrongBy)
		if err := c.start(false); err != nil {
			return err
		}
		if wrongBy != 0 {
			pause(ctx, f.random(leaseDuration, 3*leaseDuration))
		}
	}
	return nil
}
