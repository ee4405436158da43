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
