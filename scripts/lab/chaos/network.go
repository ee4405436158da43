package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"example.com/callevents/shared/testenv/faults"
)

// route is where a fault of the network is injected: the proxies between some clients and a service.
type route struct {
	name           string
	proxies        []*faults.Proxy
	othersTakeOver bool // other consumers can take the shards over meanwhile, so recovery is measured from the beginning
}

// consumersTo chooses the route of one consumer to a service, or the routes of all.
func consumersTo(of service) func(*fault) route {
	return func(f *fault) route {
		chosen, name := f.fleet.oneOrAll(f.rng)
		r := route{name: name}
		for _, c := range chosen {
			r.proxies = append(r.proxies, c.proxies[of])
		}
		r.othersTakeOver = slices.ContainsFunc(f.fleet.all, func(c *consumer) bool { return c.running() && !slices.Contains(chosen, c) })
		return r
	}
}

// producerToKinesis is the producer's only route.
func producerToKinesis(f *fault) route {
	return route{name: "producer", proxies: []*faults.Proxy{f.producer.proxy}}
}

// cut refuses connections and breaks those that are there.
func cut(choose func(*fault) route) func(context.Context, *fault) error {
	return func(ctx context.Context, f *fault) error {
		r, duration := choose(f), f.random(time.Second, 3*leaseDuration)
		f.begins("%s for %v", r.name, duration)
		for _, p := range r.proxies {
			p.Down()
		}
		pause(ctx, duration)
		for _, p := range r.proxies {
			if err := p.Up(); err != nil {
				return err
			}
		}
		if !r.othersTakeOver {
			f.ended()
		}
		return nil
	}
}

// network injects a fault into a share of the requests.
func network(choose func(*fault) route, operation string, inject func(f *fault) (faults.Fault, string)) func(context.Context, *fault) error {
	return func(ctx context.Context, f *fault) error {
		r := choose(f)
		what, text := inject(f)
		share := [...]float64{0.2, 0.5, 1}[f.rng.IntN(3)]
		duration := f.random(time.Second, 3*leaseDuration)
		f.begins("%s, %s, %.0f%% of the requests for %v", r.name, text, share*100, duration)
		var rules []*faults.Active
		for _, p := range r.proxies {
			rules = append(rules, p.Add(faults.Rule{Operation: operation, Share: share, Fault: what}))
		}
		pause(ctx, duration)
		for _, rule := range rules {
			rule.Remove()
		}
		if !r.othersTakeOver {
			f.ended()
		}
		return nil
	}
}

func slow(f *fault) (faults.Fault, string) {
	delay := f.random(100*time.Millisecond, leaseDuration)
	return faults.Delay(delay), fmt.Sprintf("slower by %v", delay)
}

// late lets requests arrive after their clients have given up.
func late(f *fault) (faults.Fault, string) {
	delay := f.random(leaseDuration/4, 2*leaseDuration)
	return arriving(delay), fmt.Sprintf("applied %v late, whether the client waits or not", delay)
}

// arriving passes a request on after the delay, also when its client has gone.
func arriving(delay time.Duration) faults.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		arrived := r.WithContext(context.WithoutCancel(r.Context()))
		arrived.Body = io.NopCloser(bytes.NewReader(body))
		<-time.After(delay)
		pass.ServeHTTP(w, arrived)
	}
}

func reset(*fault) (faults.Fault, string) { return faults.Cut(), "cut in the middle of the answer" }

func halfOpen(*fault) (faults.Fault, string) { return faults.Hang(), "no answer" }

// failing answers as the service does when it has problems. No request reaches the service.
func failing(of service) func(*fault) (faults.Fault, string) {
	type answer struct {
		status int
		code   string
	}
	answers := [...][]answer{
		onKinesis: {{500, "InternalFailure"}, {503, "ServiceUnavailable"}, {400, "ProvisionedThroughputExceededException"},
			{400, "ExpiredIteratorException"}, {400, "LimitExceededException"}},
		onDynamoDB: {{500, "InternalServerError"}, {503, "ServiceUnavailable"}, {400, "ProvisionedThroughputExceededException"},
			{400, "ThrottlingException"}, {400, "RequestLimitExceeded"}},
		onS3: {{500, "InternalError"}, {503, "SlowDown"}, {503, "ServiceUnavailable"}, {409, "ConditionalRequestConflict"}},
	}[of]
	return func(f *fault) (faults.Fault, string) {
		a := answers[f.rng.IntN(len(answers))]
		text := fmt.Sprintf("answered %d %s", a.status, a.code)
		if of == onS3 {
			return faults.XMLError(a.status, a.code), text
		}
		return faults.JSONError(a.status, a.code), text
	}
}

// answerLost lets the service apply a write, and hides the answer from the client.
func answerLost(of service) func(*fault) (faults.Fault, string) {
	return func(f *fault) (faults.Fault, string) {
		switch f.rng.IntN(3) {
		case 0:
			return faults.Lose(faults.Drop()), "applied, then the connection is broken"
		case 1:
			return faults.Lose(faults.Hang()), "applied, then no answer"
		}
		if of == onS3 {
			return faults.Lose(faults.XMLError(http.StatusInternalServerError, "InternalError")), "applied, then answered 500"
		}
		return faults.Lose(faults.JSONError(http.StatusInternalServerError, "InternalServerError")), "applied, then answered 500"
	}
}

// restart stops a server for a while.
func restart(of service) func(context.Context, *fault) error {
	return func(ctx context.Context, f *fault) error {
		f.outages[of].Lock()
		defer f.outages[of].Unlock()
		server, down := f.services.server(of), f.random(500*time.Millisecond, 2*leaseDuration)
		how, stop := "stopped", server.Stop
		if of != onS3 && f.rng.IntN(2) == 0 { // the gateway writes an object and its metadata in two steps
			how, stop = "killed", server.Kill
		}
		f.begins("%s for %v", how, down)
		stop()
		pause(ctx, down)
		if err := server.Restart(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		f.ended()
		return nil
	}
}
