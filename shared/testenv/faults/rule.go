package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
)

// Rule says which requests meet a fault. Fields that are zero don't restrict.
type Rule struct {
	Operation string  // see [Operation]
	Path      string  // what the URL's path contains
	Skip      int     // let this many matching requests pass first
	Times     int     // and strike no more than this many; 0: no end
	Share     float64 // strike this share of the requests, at random, 0.2 for every fifth; 0: all
	Fault     Fault
}

// Active is a rule in force.
type Active struct {
	rule    Rule
	ctx     context.Context // ends with the rule: what hangs by it is let go
	cancel  context.CancelFunc
	matched int // under the proxy's lock
	hits    atomic.Int64
}

// Remove ends the rule; what hangs by it is cut off.
func (a *Active) Remove() { a.cancel() }

// Hits returns how many requests it has struck.
func (a *Active) Hits() int { return int(a.hits.Load()) }

func (a *Active) take(req *http.Request) bool {
	r := a.rule
	switch {
	case a.ctx.Err() != nil,
		r.Operation != "" && r.Operation != Operation(req),
		!strings.Contains(req.URL.Path, r.Path),
		r.Share > 0 && rand.Float64() >= r.Share:
		return false
	}
	a.matched++
	if a.matched <= r.Skip || r.Times > 0 && a.matched > r.Skip+r.Times {
		return false
	}
	a.hits.Add(1)
	return true
}
