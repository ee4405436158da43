package main

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// consumer is one of the consumers over all its restarts. It reaches each service through a proxy of its own.
type consumer struct {
	n       int
	binary  string
	args    []string         // beside those that all have
	proxies [3]*faults.Proxy // by service
	log     *logFile

	inUse sync.Mutex // held by the fault that starts, stops or pauses the process

	mu      sync.Mutex
	name    string
	starts  int
	wanted  bool
	clock   time.Duration   // by how much the clock of the next process is wrong
	process *children.Child // nil before the first start
}

func (c *consumer) String() string { return fmt.Sprintf("consumer %d", c.n) }

// start starts a process unless one runs. Under a new name it is another worker in the lease table.
func (c *consumer) start(renamed bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil && c.process.Running() {
		return nil
	}
	if c.starts++; renamed || c.name == "" {
		c.name = fmt.Sprintf("c%d-%d", c.n, c.starts)
	}
	endpoints := servers.Endpoints{Kinesis: c.proxies[onKinesis].URL(), DynamoDB: c.proxies[onDynamoDB].URL(), S3: c.proxies[onS3].URL()}
	binary, env := c.binary, endpoints.Environ()
	if c.clock != 0 {
		binary, env = c.binary+"-clock", append(env, fmt.Sprintf("CHAOS_CLOCK_SECONDS=%d", int(c.clock.Seconds())))
	}
	process, err := children.StartProgram(c.log, env, binary, append([]string{"--worker-id", c.name, "--stream", stream, "--app", leaseTable,
		"--bucket", bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix, "--flush-interval", flushInterval.String(),
		"--lease-duration", leaseDuration.String(), "--sync-interval", "250ms"}, c.args...)...)
	if err != nil {
		return err
	}
	c.process, c.wanted = process, true
	return nil
}

func (c *consumer) running() bool {
	p := c.current()
	return p != nil && p.Running()
}

// current returns the process that runs or ran last; nil before the first.
func (c *consumer) current() *children.Child {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// down reports that no process runs though one should.
func (c *consumer) down() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wanted && !c.process.Running()
}

// unwanted notes that nobody is to start the consumer again.
func (c *consumer) unwanted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = false
}

func (c *consumer) setClock(wrongBy time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = wrongBy
}

func (c *consumer) signal(sig syscall.Signal) {
	if p := c.current(); p != nil {
		p.Signal(sig)
	}
}

func (c *consumer) kill() {
	if p := c.current(); p != nil {
		p.Kill()
	}
}

// stop stops the process with SIGTERM, after the grace period with SIGKILL.
func (c *consumer) stop() (clean bool) {
	p := c.current()
	return p == nil || p.Stop(stopGrace) == nil
}
