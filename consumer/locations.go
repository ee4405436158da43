package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// A former location is needed until the chains of all shards have come to the present one.
const (
	firstLook = time.Minute // after the start
	nextLook  = time.Hour
	lookTime  = 10 * time.Minute // for one look
)

// moving lets go of former locations, once no shard needs them. Every instance looks; the row's condition lets one
// succeed.
type moving struct {
	table  *lease.DynamoDB
	store  *warehouse.Store
	shards streams.Lister
	stream string
	log    *logrus.Entry
}

// run looks until the application has one location, or ctx ends.
func (m moving) run(ctx context.Context) {
	for pause := firstLook; wait.For(ctx, pause) == nil; pause = nextLook {
		done, err := m.look(ctx)
		if done {
			return
		}
		if err != nil && ctx.Err() == nil {
			m.log.WithError(err).Warn("former locations not checked, trying again in an hour")
		}
	}
}

// look forgets the former locations if all shards have moved. done: there are none.
func (m moving) look(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	seen, err := m.table.Locations(ctx)
	if err != nil {
		return false, err
	}
	former := slices.DeleteFunc(slices.Clone(seen), func(at string) bool { return at == m.store.Location.String() })
	if len(former) == 0 {
		return true, nil
	}
	if len(former) == len(seen) {
		return false, fmt.Errorf("%s was forgotten, and this instance writes there: the next start adds it again", m.store.Location)
	}
	if moved, err := m.allMoved(ctx); err != nil || !moved {
		return false, err
	}
	for _, at := range former {
		if err := m.table.ForgetLocation(ctx, seen, at); err != nil {
			return false, err
		}
		m.log.WithField("location", at).Info("former location forgotten: all shards have their newest object at the present one")
		seen = slices.DeleteFunc(seen, func(s string) bool { return s == at })
	}
	return true, nil
}

// allMoved reports whether every shard that is not finished has moved. A shard without a row, or without a checkpoint
// whose place is known, may have its newest link anywhere.
func (m moving) allMoved(ctx context.Context) (bool, error) {
	shards, err := streams.ListShards(ctx, m.shards, &kinesis.ListShardsInput{StreamName: &m.stream})
	if err != nil {
		return false, fmt.Errorf("list shards: %w", err)
	}
	rows, err := m.table.Rows(ctx)
	if err != nil {
		return false, err
	}
	byShard := map[string]lease.Row{}
	for _, row := range rows {
		byShard[row.ShardID] = row
	}
	for _, shard := range shards {
		row := byShard[aws.ToString(shard.ShardId)]
		if row.Finished() {
			continue
		}
		at, day, err := row.Position()
		if err != nil || day == "" {
			return false, err
		}
		moved, err := m.store.Moved(ctx, warehouse.Place{Shard: row.ShardID, Previous: at, Day: day})
		if errors.Is(err, warehouse.ErrLocation) {
			return false, nil // the shard's consumer says so
		}
		if err != nil || !moved {
			return false, err
		}
	}
	return true, nil
}

// remembered returns what reads the application's locations anew.
func remembered(table *lease.DynamoDB) func(context.Context) ([]warehouse.Location, error) {
	return func(ctx context.Context) ([]warehouse.Location, error) {
		texts, err := table.Locations(ctx)
		if err != nil {
			return nil, err
		}
		return locations(texts)
	}
}
