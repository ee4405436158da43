package kcl

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"example.com/callevents/consumer/lease"
)

// checkpointer is the library's door to the lease table. The event loop calls FetchCheckpoint and GetLease, the
// consumer of a shard FetchCheckpoint and, at its end, RemoveLeaseOwner.
type checkpointer struct{ *Worker }

var _ chk.Checkpointer = checkpointer{}

// Init has nothing to do: the table is ready before the library starts.
func (c checkpointer) Init() error { return nil }

// FetchCheckpoint tells the library only whether the shard is finished. Where to read on is the session's
// business, and a parent that is not finished was judged by the parent gate before the lease was taken.
func (c checkpointer) FetchCheckpoint(shard *partition.ShardStatus) error {
	if c.leases.Finished(shard.ID) {
		shard.SetCheckpoint(chk.ShardEnd)
		return nil
	}
	shard.SetCheckpoint("")
	return chk.ErrSequenceIDNotFound
}

// GetLease acquires. The library's renewal, which would call it too, is switched off: leases renew themselves.
func (c checkpointer) GetLease(shard *partition.ShardStatus, _ string) error {
	l, err := c.leases.Acquire(context.Background(), shard.ID) // bounded by the manager
	if err != nil {
		if !errors.Is(err, lease.ErrNotWanted) && !errors.Is(err, lease.ErrRefused) {
			c.log.WithError(err).WithField("shard_id", shard.ID).Warn("lease not acquired, trying again")
		}
		return chk.ErrLeaseNotAcquired{}
	}
	c.begin(l)
	shard.SetLeaseOwner(c.cfg.WorkerID)
	shard.SetLeaseTimeout(l.Deadline())
	return nil
}

// RemoveLeaseOwner is the end of a shard's consumer, in its goroutine: drain, release.
func (c checkpointer) RemoveLeaseOwner(shardID string) error {
	if s := c.session(shardID); s != nil {
		s.end()
		c.ended(shardID, s)
	}
	return nil
}

// RemoveLeaseInfo does nothing: the library calls it for every shard that one listing lacks. The lease table
// cleans itself up.
func (c checkpointer) RemoveLeaseInfo(string) error { return nil }

// CheckpointSequence is not used: a checkpoint goes from the pipeline through the lease, under which its records
// were committed, and not through a shard's status, which outlives leases.
func (c checkpointer) CheckpointSequence(shard *partition.ShardStatus) error {
	c.log.WithFields(logrus.Fields{"shard_id": shard.ID}).Error("checkpoint outside a lease refused")
	return errors.New("checkpoints are written through the lease")
}

// GetLeaseOwner, ListActiveWorkers and ClaimShard belong to the library's lease stealing, which is off.

func (c checkpointer) GetLeaseOwner(string) (string, error) { return "", nil }

func (c checkpointer) ListActiveWorkers(map[string]*partition.ShardStatus) (map[string][]*partition.ShardStatus, error) {
	return nil, chk.ErrShardNotAssigned
}

func (c checkpointer) ClaimShard(*partition.ShardStatus, string) error {
	return errors.New("lease stealing is off")
}
