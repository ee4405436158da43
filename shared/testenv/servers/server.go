// Package servers runs the real servers that stand in for AWS on one machine: kinesalite and kinesis-local for
// Kinesis, dynalite for DynamoDB, the Versity gateway for S3. Local runs and tests use it.
//
// Every server is a child process. It listens on 127.0.0.1 only, on a port of its own. It ends with the process that
// started it, also if that one is killed: its standard input closes then, and it watches that. Nothing here imitates a
// service, and nothing is installed here: scripts/install-servers.sh does that.
package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second // from the start of the process to its first answer, on a busy machine
	stopTimeout  = 5 * time.Second  // from closing its standard input to SIGKILL
	startTries   = 5                // each with another port
)

// Server is a running server. Its methods are safe for concurrent use, except that Stop, Kill and Restart exclude
// each other.
type Server struct {
	kind Kind
	opts Options
	addr string

	life sync.Mutex // held by Stop, Kill and Restart
	proc *process
}

// process is one life of a server.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ready chan struct{} // closed when the server has said that it listens
	ended chan struct{} // closed when the process has ended and its output is read
	err   error         // why it ended; read after ended
}

// Start starts a server of the given kind on a free port and returns when it answers.
func Start(ctx context.Context, kind Kind, opts Options) (*Server, error) {
	if err := kind.installed(opts.Root); err != nil {
		return nil, err
	}
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("make directory of %s: %w", kind, err)
		}
	}
	var failed error
	for range startTries {
		s := &Server{kind: kind, opts: opts, addr: FreeAddr()}
		if failed = s.start(ctx); failed == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// Addr returns host and port.
func (s *Server) Addr() string { return s.addr }

// URL returns the endpoint to configure clients with. It stays the same over restarts.
func (s *Server) URL() string { return "http://" + s.addr }

// Stop ends the server and returns when its process is gone. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.life.Lock()
	defer s.life.Unlock()
	s.end(func(p *process) { _ = p.stdin.Close() })
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() {
	s.life.Lock()
	defer s.life.Unlock()
	s.end(func(p *process) { _ = p.cmd.Process.Kill() })
}

// Restart stops the server if it runs and starts it again on the same port. What it holds survives only in
// [Options.Dir].
func (s *Server) Restart(ctx context.Context) error {
	s.Stop()
	s.life.Lock()
	defer s.life.Unlock()
	return s.start(ctx)
}

func (s *Server) end(how func(*process)) {
	if s.proc == nil {
		return
	}
	how(s.proc)
	select {
	case <-s.proc.ended:
	case <-time.After(stopTimeout):
		_ = s.proc.cmd.Process.Kill()
		<-s.proc.ended
	}
	s.proc = nil
}

func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := s.launch()
	if err != nil {
		return fmt.Errorf("start %s: %w", s.kind, err)
	}
	s.proc = p
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		err = errors.New("ended before it listened")
		if p.err != nil {
			err = fmt.Errorf("%w: %w", err, p.err)
		}
	case <-ctx.Done():
		err = fmt.Errorf("no answer: %w", ctx.Err())
	}
	s.end(func(p *process) { _ = p.cmd.Process.Kill() })
	return fmt.Errorf("start %s on %s: %w", s.kind, s.addr, err)
}

func (s *Server) launch() (*process, error) {
	cmd := s.kind.command(s.opts, s.addr)
	cmd.Env = slices.Concat(environ(), access(), s.kind.environ(s.addr))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent, which stops its children in order
	if s.opts.Output != nil {
		cmd.Stderr = s.opts.Output
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, ready: make(chan struct{}), ended: make(chan struct{})}
	go p.watch(stdout, s.addr, s.opts.Output)
	return p, nil
}

// watch copies the output, finds the line by which the server says that it listens, and waits for the end.
func (p *process) watch(stdout io.Reader, addr string, output io.Writer) {
	defer close(p.ended)
	var once sync.Once
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) == "ready "+addr {
			once.Do(func() { close(p.ready) })
		} else if output != nil {
			fmt.Fprintln(output, lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, stdout) // what follows a line that is too long
	p.err = p.cmd.Wait()
}

// FreeAddr picks an address that nobody listens on. The port is below those that the kernel gives to outgoing connections,
// so no client gets the port of a server that is down for a restart.
func FreeAddr() string {
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(17000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}
