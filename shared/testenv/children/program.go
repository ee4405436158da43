package children

import (
	"fmt"
	"io"
	"os/exec"
	"time"
)

// StartProgram starts a binary that writes its output and its errors to out.
func StartProgram(out io.Writer, env []string, binary string, args ...string) (*Child, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	child, err := Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return child, nil
}

// CPU waits for the end of the program and returns the time that it used, user and system.
func (c *Child) CPU() time.Duration {
	<-c.ended
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}
