package main

import (
	"context"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/streams"
)

// LookAtLocations is one look at the former locations, which are forgotten if they can be.
func LookAtLocations(ctx context.Context, table *lease.DynamoDB, store *warehouse.Store, shards streams.Lister, log *logrus.Entry) (done bool, err error) {
	return moving{table, store, shards, "stream", log}.look(ctx)
}

// WatchDistribution returns what tells whether the stream distributes records itself; it did not at first.
func WatchDistribution(ctx context.Context, client describer, log *logrus.Entry) (itself func() bool, stop func()) {
	d := newDistribution(client, "stream", false, log)
	return d.itself.Load, beside(ctx, d.run)
}

// Parse reads the flags of a run.
func Parse(args ...string) (Config, error) {
	var cfg Config
	_, err := program().Parse("", &cfg, args)
	return cfg, err
}
