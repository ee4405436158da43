package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// producer is the producer's process, started again when it was killed or its disk full, and its ledger on a disk of its own.
type producer struct {
	binary, dir, disk, ledger string
	args, env                 []string
	log                       *logFile
	proxy                     *faults.Proxy // on its way to Kinesis

	mu      sync.Mutex // held while the process is started or stopped, and while the disk is full
	process *program
	started time.Time
	mounted bool
	full    bool // the process may end by itself
	stopped bool
}

// newProducer puts the ledger on a small file system of its own, if it may, so that it can be filled.
func newProducer(binary, dir string, cfg Config, s *services, seen *lines) (*producer, error) {
	disk := filepath.Join(dir, "disk")
	proxy, err := faults.Listen(s.server(onKinesis).URL())
	if err != nil {
		return nil, err
	}
	p := &producer{binary: binary, dir: dir, disk: disk, ledger: filepath.Join(disk, "ledger.csv"), proxy: proxy,
		env: servers.Endpoints{Kinesis: proxy.URL()}.Environ()}
	p.args = []string{"--stream", stream, "--rate", strconv.FormatFloat(cfg.Rate, 'f', -1, 64), "--ledger", p.ledger,
		"--spill", filepath.Join(dir, "spill.ndjson")}
	if p.log, err = newLogFile("producer", filepath.Join(dir, "producer.log"), seen); err != nil {
		return nil, err
	}
	if err := os.Mkdir(disk, 0o755); err != nil {
		return nil, err
	}
	const lineBytes = 128
	size := int64(cfg.Rate*(cfg.duration()+30*time.Minute).Seconds()) * lineBytes
	p.mounted = mount(disk, size) == nil
	return p, nil
}

func (p *producer) start() (err error) {
	p.started = time.Now()
	p.process, err = start(p.log, p.env, p.binary, p.args...)
	return err
}

// startTime is how long a producer may take until it has its stream and its shard map. One that cannot reach them ends.
const startTime = 15 * time.Second

// mend starts the producer again when it has ended by itself, until ctx ends, and tells whether it might.
func (p *producer) mend(ctx context.Context, say, fail func(string, ...any)) {
	for tick := time.Tick(time.Second); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		if p.mu.TryLock() {
			if !p.stopped && !p.process.running() {
				tell := fail
				if p.full || time.Since(p.started) < startTime {
					tell = say
				}
				tell("producer ended by itself, started again: %s", p.log.lastLine())
				_ = p.start()
				p.full = false
			}
			p.mu.Unlock()
		}
	}
}

func (p *producer) stop() (clean bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	return p.process.Stop(stopGrace) == nil
}

func (p *producer) close() {
	if p.process != nil && p.process.running() {
		p.process.Kill()
	}
	p.proxy.Close()
	if p.mounted {
		copyOut(p.ledger, filepath.Join(p.dir, "ledger.csv"))
		if err := syscall.Unmount(p.disk, 0); err != nil {
			fmt.Fprintf(os.Stderr, "chaos: unmount %s: %v\n", p.disk, err)
		}
		p.mounted = false
	}
}

// copyOut keeps the ledger of a run that failed.
func copyOut(from, to string) {
	if data, err := os.ReadFile(from); err == nil {
		_ = os.WriteFile(to, data, 0o644)
	}
}

// killProducer ends the producer with SIGKILL and starts it again. What it had in flight is not in its ledger.
func killProducer(f *fault) error {
	p := f.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.process.Kill()
	f.hold(f.between(0, leaseDuration))
	f.hits("")
	return p.start()
}

// fillDisk leaves no room on the ledger's disk for a while.
func fillDisk(f *fault) error {
	p := f.producer
	if !p.mounted {
		return fmt.Errorf("only root can mount a small disk")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	filler := filepath.Join(p.disk, "filler")
	defer os.Remove(filler)
	f.hits("no room for the ledger")
	p.full = true
	if err := fill(filler); err != nil {
		return err
	}
	f.hold(f.between(time.Second, leaseDuration))
	if err := os.Remove(filler); err != nil {
		return err
	}
	if !p.process.running() {
		f.note("the producer has ended, and is started again: %s", p.log.lastLine())
		if err := p.start(); err != nil {
			return err
		}
	}
	f.over()
	return nil
}

// fill writes until there is no room.
func fill(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := file.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	return nil
}
