package put

import (
	"context"
	"fmt"
	"time"

	"example.com/callevents/shared/wait"
)

// How long a drain goes on. Kubernetes and systemd kill a process 30 s or more after SIGTERM; by then everything must be
// acknowledged or on disk.
const (
	drainTimeout = 20 * time.Second
	drainIdle    = 5 * time.Second // without an acknowledgement
)

// Drain lets Run put what is unsent while records are acknowledged, for 20 s at most, and then calls stop, with which
// the context of Run must end. Run then spills the rest. Drain ends early with ctx.
func (s *Sender) Drain(ctx context.Context, stop context.CancelCauseFunc) {
	began := time.Now()
	for {
		progress := s.Stats().LastAcknowledged
		if progress.Before(began) {
			progress = began
		}
		last := progress.Add(drainIdle)
		reason := fmt.Errorf("nothing was put for %s of the drain; what was left is in the spill file", drainIdle)
		if end := began.Add(drainTimeout); end.Before(last) {
			last, reason = end, fmt.Errorf("not everything was put within %s; what was left is in the spill file", drainTimeout)
		}
		if !time.Now().Before(last) {
			stop(reason)
			return
		}
		if wait.Until(ctx, last) != nil {
			return
		}
	}
}
