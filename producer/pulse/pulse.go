// Package pulse tells whether the loops of the program still turn. It is about the program alone: a loop that waits for AWS
// turns all the same.
package pulse

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Limit is how late a loop may be before it counts as stuck.
const Limit = time.Minute

// Pulse is the heartbeat of one loop. Safe for concurrent use, and never blocks.
type Pulse struct {
	loop string
	made time.Time    // the others count from here, by the monotonic clock
	due  atomic.Int64 // when the next beat is due, in nanoseconds after made; 0: at any time
}

// New returns the pulse of the loop of that name. Until the first beat the loop may take any time.
func New(loop string) *Pulse { return &Pulse{loop: loop, made: time.Now()} }

// Beat says that the loop turns, and that it will beat again within d.
func (p *Pulse) Beat(d time.Duration) { p.due.Store(max(1, int64(time.Since(p.made)+d))) }

// Rest says that the loop waits for something that may take any time, or has ended.
func (p *Pulse) Rest() { p.due.Store(0) }

// Err says that the loop is stuck: its beat is more than Limit late. Otherwise it is nil.
func (p *Pulse) Err() error {
	due := time.Duration(p.due.Load())
	if late := time.Since(p.made) - due; due > 0 && late > Limit {
		return fmt.Errorf("the %s stands still: its last turn should have ended %s ago", p.loop, late.Round(time.Second))
	}
	return nil
}
