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

// way is what a fault of the network hits: the proxies between some clients and a service.
type way struct {
	name    string
	proxies []*faults.Proxy
	heals   bool // others are to take over, so the recovery counts from the fault's beginning
}

// consumersTo chooses one consumer, or all, and a service.
func consumersTo(of service) func(*fault) way {
	return func(f *fault) way {
		some, name := f.fleet.some(f.rng)
		w := way{name: name}
		for _, c := range some {
			w.proxies = append(w.proxies, c.proxies[of])
		}
		w.heals = slices.ContainsFunc(f.fleet.all, func(c *consumer) bool { return c.running() && !slices.Contains(some, c) })
		return w
	}
}

// producerToKinesis is the only way that the producer has.
func producerToKinesis(f *fault) way {
	return way{name: "producer", proxies: []*faults.Proxy{f.producer.proxy}}
}

// cut refuses connections and breaks those that are there.
func cut(between func(*fault) way) func(*fault) error {
	return func(f *fault) error {
		w, duration := between(f), f.between(time.Second, 3*leaseDuration)
		f.hits("%s for %v", w.name, duration)
		for _, p := range w.proxies {
			p.Down()
		}
		f.hold(duration)
		for _, p := range w.proxies {
			if err := p.Up(); err != nil {
				return err
			}
		}
		f.overUnless(w.heals)
		return nil
	}
}

// network injects a fault into a share of the requests.
func network(between func(*fault) way, operation string, inject func(f *fault) (faults.Fault, string)) func(*fault) error {
	return func(f *fault) error {
		w := between(f)
		what, text := inject(f)
		share := [...]float64{0.2, 0.5, 1}[f.rng.IntN(3)]
		duration := f.between(time.Second, 3*leaseDuration)
		f.hits("%s, %s, %.0f%% of the requests for %v", w.name, text, share*100, duration)
		var rules []*faults.Active
		for _, p := range w.proxies {
			rules = append(rules, p.Add(faults.Rule{Operation: operation, Share: share, Fault: what}))
		}
		f.hold(duration)
		for _, rule := range rules {
			rule.Remove()
		}
		f.overUnless(w.heals)
		return nil
	}
}

func slow(f *fault) (faults.Fault, string) {
	delay := f.between(100*time.Millisecond, leaseDuration)
	return faults.Delay(delay), fmt.Sprintf("slower by %v", delay)
}

// late lets a request arrive that its client has given up.
func late(f *fault) (faults.Fault, string) {
	delay := f.between(leaseDuration/4, 2*leaseDuration)
	return arriving(delay), fmt.Sprintf("applied %v late, whether the client waits or not", delay)
}

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

// failing answers as the service does when it is not well. Nothing reaches the service.
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

// answerLost lets the service apply a write and hides that from the client.
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

// overUnless ends a fault that nobody could recover from before, unless there was somebody who could.
func (f *fault) overUnless(heals bool) {
	if !heals {
		f.over()
	}
}

// restart stops a server for a while.
func restart(of service) func(*fault) error {
	return func(f *fault) error {
		f.outages[of].Lock()
		defer f.outages[of].Unlock()
		server, down := f.services.server(of), f.between(500*time.Millisecond, 2*leaseDuration)
		how, stop := "stopped", server.Stop
		if of != onS3 && f.rng.IntN(2) == 0 { // the gateway writes an object and its metadata in two steps
			how, stop = "killed", server.Kill
		}
		f.hits("%s for %v", how, down)
		stop()
		f.hold(down)
		if err := server.Restart(f.always); err != nil {
			return err
		}
		f.over()
		return nil
	}
}
