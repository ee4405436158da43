// Package children starts programs that must not outlive the process that started them.
//
// A child is in a process group of its own, so that Ctrl-C in a terminal reaches the parent alone, which then stops
// its children in order. On Linux the kernel kills a child when its parent ends, also if that is killed.
// Elsewhere a parent that is killed leaves its children behind.
package children

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Child is a started program. Its methods are safe for concurrent use.
type Child struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait; read after ended
}

// Start starts cmd.
func Start(cmd *exec.Cmd) (*Child, error) {
	cmd.SysProcAttr = attributes()
	c := &Child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel takes the end of the starting thread for the end of the parent: keep this one as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// Ended is closed when the program has ended and its output is read.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Running reports whether the program has not ended.
func (c *Child) Running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// Wait returns how the program ended, as [exec.Cmd.Wait] does.
func (c *Child) Wait() error {
	<-c.ended
	return c.err
}

// Pid returns the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Signal sends a signal; to a program that has ended it does nothing.
func (c *Child) Signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) }

// Stop sends SIGTERM, after the grace period SIGKILL, and returns how the program ended.
func (c *Child) Stop(grace time.Duration) error {
	c.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(grace, func() { c.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	return c.Wait()
}

// Kill sends SIGKILL and returns when the program is gone.
func (c *Child) Kill() {
	c.Signal(syscall.SIGKILL)
	<-c.ended
}
