package main

import (
	"context"
	"errors"
	"time"

	"example.com/callevents/shared/testenv/fanout"
)

const (
	subscriptionLife = 45 * time.Second // Kinesis: 5 minutes
	heartbeat        = 5 * time.Second
	// silenceNoticed is how long a consumer takes at most to give a silent subscription up, and to have another one.
	silenceNoticed = 30 * time.Second
)

var errNoSubscription = errors.New("no subscription is open")

// strike lets a fault strike one open subscription, or all, with its next event.
func (f *fault) strike(what string, choose func() fanout.Fault) (n int, err error) {
	open, _ := f.services.fanOut.Subscriptions()
	if open == 0 {
		return 0, errNoSubscription
	}
	n = 1
	if f.rng.IntN(2) == 0 {
		n = open
	}
	f.begins("%d of %d subscriptions, %s", n, open, what)
	for range n {
		f.services.fanOut.Strike(1, choose())
	}
	return n, nil
}

// cutSubscriptions lets event streams break in every way.
func cutSubscriptions(ctx context.Context, f *fault) error {
	faults := []fanout.Fault{fanout.Cut(), fanout.Truncate(), fanout.Drop(), fanout.BadChecksum(), fanout.Exception("InternalFailureException"),
		fanout.Exception("KMSThrottlingException")}
	_, err := f.strike("broken", func() fanout.Fault { return faults[f.rng.IntN(len(faults))] })
	pause(ctx, heartbeat)
	return err
}

// silenceSubscriptions lets nothing come any more, though the connections are open.
func silenceSubscriptions(ctx context.Context, f *fault) error {
	f.silenced.Store(true)
	_, err := f.strike("silent", fanout.Silence)
	pause(ctx, heartbeat)
	return err
}

// takeOver lets another reader subscribe to all shards under the consumers' name, as a consumer does that has not noticed that
// it lost its leases.
func takeOver(ctx context.Context, f *fault) error {
	n := f.services.fanOut.TakeOver()
	if n == 0 {
		return errNoSubscription
	}
	f.begins("%d subscriptions", n)
	pause(ctx, f.random(time.Second, heartbeat))
	return nil
}
