package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// instance is a worker that reaches DynamoDB through a proxy of its own, which counts its requests.
type instance struct {
	*program
	proxy  *faults.Proxy
	before map[string]int
}

// costKind is a worker with some settings.
type costKind struct {
	name, bound string
	start       func(app string, i *instance, id string) (*program, error)
}

func (r *rig) costKinds(stream string) []costKind {
	return []costKind{
		{"ours, an object a minute", "45", func(app string, i *instance, _ string) (*program, error) {
			return r.consumer(i.endpoints(r), stream, app, "--lease-duration", "10s", "--flush-interval", "60s")
		}},
		{"ours, an object each 5 s", "48", func(app string, i *instance, _ string) (*program, error) {
			return r.consumer(i.endpoints(r), stream, app, "--lease-duration", "10s", "--flush-interval", "5s")
		}},
		{"stock, defaults", "", func(app string, i *instance, id string) (*program, error) {
			return r.stock(i, stream, app, id, "--max-shards", "2")
		}},
		{"stock, looks for shards every second", "", func(app string, i *instance, id string) (*program, error) {
			return r.stock(i, stream, app, id, "--max-shards", "2", "--sync-interval", "1s")
		}},
		{"stock, the same, with lease stealing", "", func(app string, i *instance, id string) (*program, error) {
			return r.stock(i, stream, app, id, "--sync-interval", "1s", "--lease-stealing")
		}},
	}
}

// cost counts the DynamoDB requests of two workers that share 4 shards, to which records come each second. It does so for ours and for some
// settings of the stock worker, all at the same time. A limit gives each stock worker 2 shards; with lease stealing they
// share as they like.
func cost(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, 4)
	if err != nil {
		return err
	}
	t := newTable("one of two workers on 4 shards, lease 10 s", "DynamoDB requests/min", "of which", "bound")
	kinds := r.costKinds(stream)
	crews := make([][]*instance, len(kinds))
	for k, kind := range kinds {
		app := name("app")
		for range 2 {
			i, err := newInstance(r)
			if err != nil {
				return err
			}
			defer i.proxy.Close()
			if i.program, err = kind.start(app, i, name("worker")); err != nil {
				return err
			}
			crews[k] = append(crews[k], i)
			pause(ctx, time.Second) // the stock worker does not wait for a table that another one is making
		}
		if _, err := await(ctx, time.Now(), soon, kind.name+" holds all shards", func() bool {
			owners, err := servers.Owners(ctx, r.DynamoDB, app)
			return err == nil && len(owners) == 4
		}); err != nil {
			return err
		}
	}
	defer r.trickle(ctx, stream, time.Second)()
	pause(ctx, 30*time.Second) // until all are at rest
	for _, crew := range crews {
		for _, i := range crew {
			i.before = i.proxy.Counts()
		}
	}
	pause(ctx, cfg.Window)
	if ctx.Err() != nil {
		return ctx.Err() // the window was cut short
	}
	for k, crew := range crews {
		for _, i := range crew {
			sum, parts := i.perMinute(cfg.Window)
			t.add(kinds[k].name, fmt.Sprintf("%.0f", sum), parts, kinds[k].bound)
		}
	}
	t.print()
	return nil
}

func newInstance(r *rig) (*instance, error) {
	proxy, err := faults.Listen(r.endpoints.DynamoDB)
	return &instance{proxy: proxy}, err
}

// perMinute returns the requests since before, all and by operation.
func (i *instance) perMinute(window time.Duration) (sum float64, parts string) {
	var texts []string
	for operation, n := range i.proxy.Counts() {
		if rate := float64(n-i.before[operation]) / window.Minutes(); rate > 0 {
			sum += rate
			texts = append(texts, fmt.Sprintf("%.0f %s", rate, operation))
		}
	}
	slices.Sort(texts)
	return sum, strings.Join(texts, ", ")
}

// endpoints are the rig's, but for the instance's proxy.
func (i *instance) endpoints(r *rig) servers.Endpoints {
	e := r.endpoints
	e.DynamoDB = i.proxy.URL()
	return e
}

func (r *rig) stock(i *instance, stream, app, id string, args ...string) (*program, error) {
	return r.start(i.endpoints(r), "stock", append([]string{"--stream", stream, "--app", app, "--worker-id", id, "--bucket", bucket,
		"--prefix", app + "/"}, args...)...)
}
