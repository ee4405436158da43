package fleet

import (
	"context"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// lookEvery is the least time between two reads of the table, and lookTime the most that one may take.
const (
	lookEvery = 2 * time.Second
	lookTime  = 3 * time.Second
)

// Table is what a lookout reads.
type Table interface {
	// Fleet reads workers and shards, eventually consistent.
	Fleet(ctx context.Context) (lease.Fleet, error)
}

// look is what the table said.
type look struct {
	fleet lease.Fleet
	at    time.Time // of the last good answer; zero: there was none
	err   error     // of the last read
}

// tableReader reads the table when asked, and not more often than each lookEvery, however many ask. Safe for concurrent use.
type tableReader struct {
	mu    sync.Mutex // held across a read, so for lookTime at most: who waits has its answer
	table Table      // nil: none yet
	last  look
	tried time.Time
}

func (r *tableReader) set(table Table) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table = table
}

// look returns the last answer, and a fresh one if the last attempt is old enough.
func (r *tableReader) look(ctx context.Context) (l look, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table == nil || !r.tried.IsZero() && time.Since(r.tried) < lookEvery {
		return r.last, false
	}
	r.tried = time.Now()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	fleet, err := r.table.Fleet(ctx)
	if err != nil {
		r.last.err = err
		return r.last, false
	}
	r.last = look{fleet: fleet, at: time.Now()}
	return r.last, true
}
