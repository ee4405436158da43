package put

import (
	"context"
	"time"
)

// calls are those in flight, each in a goroutine of its own.
type calls struct {
	cfg      Config
	api      API
	inFlight map[*call]struct{}
	ended    chan *call // must be received from until inFlight is empty
}

func newCalls(cfg Config, api API) calls {
	return calls{cfg: cfg, api: api, inFlight: map[*call]struct{}{}, ended: make(chan *call)}
}

// room is how many more calls may start.
func (c *calls) room() int { return max(1, c.cfg.InFlight) - len(c.inFlight) }

// start starts a call, which comes out of ended.
func (c *calls) start(ctx context.Context, entries []*entry) *call {
	started := newCall(entries)
	c.inFlight[started] = struct{}{}
	go func() {
		started.send(ctx, c.api, c.cfg)
		c.ended <- started
	}()
	return started
}

// startedBefore counts the calls in flight that were started before t.
func (c *calls) startedBefore(t time.Time) (n int) {
	for inFlight := range c.inFlight {
		if inFlight.started.Before(t) {
			n++
		}
	}
	return n
}

// remove is for a call that came out of ended.
func (c *calls) remove(ended *call) { delete(c.inFlight, ended) }

// oldest is when the oldest record in a call was created; zero: there is none.
func (c *calls) oldest() (created time.Time) {
	for inFlight := range c.inFlight {
		created = earliest(created, inFlight.oldest)
	}
	return created
}
