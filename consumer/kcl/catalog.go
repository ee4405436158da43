package kcl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// Pauses between two listings. ListShards may be called 1,000 times a second per stream (Kinesis quotas); a shard
// that ends makes every worker list, so the rest only bounds how late a new shard without a parent is seen.
const (
	listEvery = 30 * time.Second
	listRetry = time.Second
)

// catalog has the stream's shards as of the last complete listing. It answers the library's ListShards, so that the
// event loop can turn fast.
type catalog struct {
	client  *kinesis.Client
	stream  string
	changed func()
	log     *logrus.Entry
	refresh wait.Signal // list now
	tracker *stall.Tracker

	mu     sync.Mutex
	shards []types.Shard
	leases []lease.Shard
	at     time.Time
}

func newCatalog(client *kinesis.Client, stream string, tracker *stall.Tracker, log *logrus.Entry) *catalog {
	return &catalog{client: client, stream: stream, log: log, refresh: wait.NewSignal(), tracker: tracker}
}

// errRecreated means that the stream is another one under its old name: no position of ours means anything in it.
var errRecreated = errors.New("stream was deleted and made again under its name")

// run lists the shards until ctx ends. A stream that does not exist any more, or is another one, is an error; every
// other failure leaves the last good listing standing.
func (c *catalog) run(ctx context.Context) error {
	for {
		pause := listEvery + time.Duration(rand.Int64N(int64(listEvery/10)))
		if err := c.list(ctx); err != nil {
			var gone *types.ResourceNotFoundException
			if errors.As(err, &gone) {
				return fmt.Errorf("stream %s does not exist any more: %w", c.stream, err)
			}
			if errors.Is(err, errRecreated) {
				return fmt.Errorf("%s: %w", c.stream, err)
			}
			if ctx.Err() == nil {
				c.log.WithError(err).Warn("shards not listed, trying again")
				c.tracker.Failed(err)
			}
			pause = listRetry
		}
		if c.refresh.Wait(ctx, pause) != nil {
			return nil
		}
	}
}

// Refresh implements [lease.Shards]: it asks for a listing now and does not wait for it.
func (c *catalog) Refresh() { c.refresh.Set() }

func (c *catalog) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c.tracker.Waits(stall.Kinesis)
	began := time.Now()
	shards, err := streams.ListShards(ctx, c.client, &kinesis.ListShardsInput{StreamName: &c.stream})
	if err != nil {
		return err
	}
	leases := make([]lease.Shard, len(shards))
	for i, s := range shards {
		leases[i] = lease.Shard{ID: aws.ToString(s.ShardId), Parents: parents(s)}
	}
	c.mu.Lock()
	if recreated(c.shards, shards) {
		c.mu.Unlock()
		return errRecreated
	}
	c.tracker.Progress()
	grown := len(shards) != len(c.shards)
	c.shards, c.leases, c.at = shards, leases, began
	c.mu.Unlock()
	if grown {
		c.log.WithField("shards", len(shards)).Info("shards listed")
		c.changed()
	}
	return nil
}

// recreated reports that a shard begins elsewhere than it did: names repeat, sequence numbers do not.
func recreated(before, now []types.Shard) bool {
	starts := make(map[string]string, len(before))
	for _, s := range before {
		starts[aws.ToString(s.ShardId)] = aws.ToString(s.SequenceNumberRange.StartingSequenceNumber)
	}
	return slices.ContainsFunc(now, func(s types.Shard) bool {
		start, known := starts[aws.ToString(s.ShardId)]
		return known && start != aws.ToString(s.SequenceNumberRange.StartingSequenceNumber)
	})
}

// Parents names the parents of a shard, as far as it is listed.
func (w *Worker) Parents(shard string) []string {
	if s, listed := w.catalog.shard(shard); listed {
		return parents(s)
	}
	return nil
}

func parents(s types.Shard) (ids []string) {
	for _, id := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		if aws.ToString(id) != "" {
			ids = append(ids, *id)
		}
	}
	return ids
}

// List implements [lease.Shards].
func (c *catalog) List() ([]lease.Shard, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leases, c.at
}

func (c *catalog) listed() ([]types.Shard, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shards, c.at
}

// output answers the library's ListShards, all shards on one page.
func (c *catalog) output() *kinesis.ListShardsOutput {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &kinesis.ListShardsOutput{Shards: c.shards}
}

func (c *catalog) shard(id string) (types.Shard, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.shards {
		if aws.ToString(s.ShardId) == id {
			return s, true
		}
	}
	return types.Shard{}, false
}
