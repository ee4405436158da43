package main

import (
	"net/http"
	"syscall"
	"time"

	"example.com/callevents/shared/testenv/faults"
)

const clockMost = 12 * time.Hour

// kill ends a consumer with SIGKILL and starts it again after a while, as the same or as another instance.
func kill(renamed bool) func(*fault) error {
	return func(f *fault) error {
		c, err := f.consumer()
		if err != nil {
			return err
		}
		defer c.busy.Unlock()
		f.hits("%s", c)
		c.kill()
		f.hold(f.between(0, 2*leaseDuration))
		return c.start(renamed)
	}
}

// zombie stops a consumer for longer than its leases last. It then finds itself in another world.
func zombie(f *fault) error {
	c, err := f.consumer()
	if err != nil {
		return err
	}
	defer c.busy.Unlock()
	pause := f.between(leaseDuration*11/10, leaseDuration*5/2)
	f.hits("%s for %v", c, pause)
	c.signal(syscall.SIGSTOP)
	defer c.signal(syscall.SIGCONT)
	f.hold(pause)
	return nil
}

// terminate ends a consumer with SIGTERM, on which it hands over, and starts it again after a while.
func terminate(f *fault) error {
	c, err := f.consumer()
	if err != nil {
		return err
	}
	defer c.busy.Unlock()
	f.hits("%s", c)
	if !c.end(stopGrace) {
		f.note("%s did not end cleanly: %s", c, c.log.lastLine())
	}
	f.hold(f.between(0, leaseDuration))
	return c.start(false)
}

// scale goes through 1, 5 and 2 consumers, and back.
func scale(f *fault) error {
	for _, n := range []int{1, most, 2, usual} {
		f.hits("to %d", n)
		if err := f.fleet.scale(n); err != nil {
			return err
		}
		if n != usual {
			f.hold(f.between(time.Second, leaseDuration*3/2))
		}
	}
	return nil
}

// lateWrite kills a consumer whose objects are still on their way: they arrive about when the next owner of its shards
// goes to work.
func lateWrite(f *fault) error {
	c, err := f.consumer()
	if err != nil {
		return err
	}
	defer c.busy.Unlock()
	delay := f.between(leaseDuration, 2*leaseDuration) // between the look for the tip and the first commit, if it hits
	rule := c.proxies[onS3].Add(faults.Rule{Operation: http.MethodPut, Fault: arriving(delay)})
	f.hold(flushInterval + f.between(0, flushInterval))
	f.hits("%s is killed, its objects arrive %v after they were sent", c, delay)
	c.kill()
	f.hold(delay)
	rule.Remove()
	return c.start(false)
}

// wrongClock lets a consumer live with a clock that is hours off, and then with the right one again.
func wrongClock(f *fault) error {
	c, err := f.consumer()
	if err != nil {
		return err
	}
	defer c.busy.Unlock()
	clock := f.between(-clockMost, clockMost)
	f.hits("%s, %v off", c, clock.Round(time.Second))
	for _, off := range []time.Duration{clock, 0} {
		if !c.end(stopGrace) {
			f.note("%s did not end cleanly: %s", c, c.log.lastLine())
		}
		c.mu.Lock()
		c.clock = off
		c.mu.Unlock()
		if err := c.start(false); err != nil {
			return err
		}
		if off != 0 {
			f.hold(f.between(leaseDuration, 3*leaseDuration))
		}
	}
	return nil
}
