package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
)

// Rule says which requests a fault strikes. A field that is zero excludes none.
type Rule struct {
	Operation string  // see [Operation]
	Path      string  // what the URL's path contains
	Skip      int     // so many matching requests pass first
	Times     int     // at most so many are struck; 0: no limit
	Share     float64 // this share of the requests is struck, at random; 0: all
	Fault     Fault
}

// Active is a rule in force.
type Active struct {
	rule    Rule
	ctx     context.Context // ends with the rule, and so do the requests that hang in it
	cancel  context.CancelFunc
	matched int // guarded by the proxy's lock
	hits    atomic.Int64
}

// Remove ends the rule. Requests that hang in its fault are cut off.
func (a *Active) Remove() { a.cancel() }

// Hits returns how many requests the rule has struck.
func (a *Active) Hits() int { return int(a.hits.Load()) }

func (a *Active) strikes(req *http.Request) bool {
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
