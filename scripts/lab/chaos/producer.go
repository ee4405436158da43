package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.com/callevents/scripts/lab/input"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
	"example.com/callevents/shared/wait"
)

// producer is the producer over all its restarts. Its ledger and its journal are on a disk of their own.
type producer struct {
	binary, dir, disk, ledger string
	args, env                 []string
	log                       *logFile
	proxy                     *faults.Proxy // on its way to Kinesis

	mu      sync.Mutex // held while the process is started or stopped, and while the disk is full
	process *children.Child
	started time.Time
	mounted bool
	full    bool // the disk was full, so the process may end by itself
	stopped bool
}

// newProducer puts the ledger and the journal on a small file system of its own that a fault can fill. Only root can mount one; without
// it the ledger is on the usual disk.
func newProducer(binary, dir string, cfg Config, s *services, counts *logCounts) (*producer, error) {
	disk := filepath.Join(dir, "disk")
	proxy, err := faults.Listen(s.server(onKinesis).URL())
	if err != nil {
		return nil, err
	}
	p := &producer{binary: binary, dir: dir, disk: disk, ledger: filepath.Join(disk, "ledger.csv"), proxy: proxy,
		env: servers.Endpoints{Kinesis: proxy.URL()}.Environ()}
	p.args = []string{"--stream", stream, "--rate", strconv.FormatFloat(cfg.Rate, 'f', -1, 64), "--ledger", p.ledger,
		"--spill", filepath.Join(dir, "spill.ndjson")}
	events := int(cfg.Rate * (cfg.duration()*3/2 + 3*time.Minute).Seconds()) // more than the run comes to
	if cfg.NoIdentity {
		p.args = append(p.args, "--no-identity")
	} else {
		file := filepath.Join(dir, "input.ndjson")
		if err := input.Write(file, cfg.Seed, events); err != nil {
			return nil, err
		}
		p.args = append(p.args, "--input", file, "--journal", filepath.Join(disk, "journal"))
	}
	if p.log, err = newLogFile("producer", filepath.Join(dir, "producer.log"), counts); err != nil {
		return nil, err
	}
	if err := os.Mkdir(disk, 0o755); err != nil {
		return nil, err
	}
	const lineBytes = 256 // of the ledger, and some of the journal
	p.mounted = mount(disk, int64(4*events*lineBytes)) == nil
	return p, nil
}

func (p *producer) start() (err error) {
	p.started = time.Now()
	p.process, err = children.StartProgram(p.log, p.env, p.binary, p.args...)
	return err
}

// startTime is how long a producer takes at most until it has its stream and its shard map. If it gets no answer until
// then, it ends.
const startTime = 15 * time.Second

// supervise starts the producer again when it has ended by itself, until ctx ends. It calls say where a fault explains
// the end, and fail where none does.
func (p *producer) supervise(ctx context.Context, say, fail func(string, ...any)) {
	for wait.For(ctx, time.Second) == nil {
		if p.mu.TryLock() {
			if !p.stopped && !p.process.Running() {
				report := fail
				if p.full || time.Since(p.started) < startTime {
					report = say
				}
				report("producer ended by itself, started again: %s", p.log.lastLine())
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
	if p.process != nil && p.process.Running() {
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

// copyOut copies the ledger to where it outlives its disk, for a run that failed.
func copyOut(from, to string) {
	if data, err := os.ReadFile(from); err == nil {
		_ = os.WriteFile(to, data, 0o644)
	}
}

// killProducer kills the producer and starts it again. What was in flight is put again, by the journal.
func killProducer(ctx context.Context, f *fault) error {
	p := f.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.process.Kill()
	pause(ctx, f.random(0, leaseDuration))
	f.begins("")
	return p.start()
}

// fillDisk leaves no room on the ledger's disk for a while.
func fillDisk(ctx context.Context, f *fault) error {
	p := f.producer
	if !p.mounted {
		return errors.New("only root can mount a small disk")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	filler := filepath.Join(p.disk, "filler")
	defer os.Remove(filler)
	f.begins("no room for the ledger")
	p.full = true
	if err := fill(filler); err != nil {
		return err
	}
	pause(ctx, f.random(time.Second, leaseDuration))
	if err := os.Remove(filler); err != nil {
		return err
	}
	if !p.process.Running() {
		f.note("the producer has ended, and is started again: %s", p.log.lastLine())
		if err := p.start(); err != nil {
			return err
		}
	}
	f.ended()
	return nil
}

// fill writes a file until there is no room.
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
