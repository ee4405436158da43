package lease

import (
	"context"
	"errors"
	"maps"
)

// ShardEnd is the checkpoint of a shard that was read to its end. It is terminal.
const ShardEnd = "SHARD_END"

// The table's attributes. They carry vmware-go-kcl-v2's names where it has them, so that its tables keep working.
const (
	attrShardID    = "ShardID"
	attrOwner      = "AssignedTo"
	attrDuration   = "LeaseDuration"
	attrTimeout    = "LeaseTimeout"
	attrCheckpoint = "Checkpoint"
	attrParent     = "ParentShardId"
	attrClaim      = "ClaimRequest"
	attrCounter    = "LeaseCounter"
	attrDay        = "CheckpointDay"
	attrDayOf      = "DayOfCheckpoint"
)

// Row is one row as it was read. The zero value of any field but ShardID means that the attribute is absent.
type Row struct {
	ShardID       string
	Owner         string // worker that holds the lease; "": free at once
	Duration      string // lease duration of the worker that acquired the lease last, such as 10s
	Counter       int64  // grows by one with every write but claims; 0: absent, or written by the stock library
	Checkpoint    string // decimal sequence number, [ShardEnd], or "" before the first checkpoint
	CheckpointDay string // UTC day of the link after the checkpoint, 2006-01-02
	// The checkpoint that CheckpointDay was stored with. If it is another one, somebody has changed the checkpoint.
	DayOfCheckpoint string
	ParentShardID   string
	Claim           string // worker that waits for this lease
	Timeout         string // for people, and as the version of a row that the stock library wrote
}

// Exists reports whether the row was in the table when it was read.
func (r Row) Exists() bool {
	return r.Counter != 0 || r.Timeout != "" || r.Owner != "" || r.Checkpoint != ""
}

// Finished reports whether the shard was read to its end.
func (r Row) Finished() bool { return r.Checkpoint == ShardEnd }

// version is what every write but a claim changes. The stock library has no counter, but each of its renewals writes
// another timeout.
func (r Row) version() Row {
	r.Claim = ""
	if r.Counter != 0 {
		return Row{ShardID: r.ShardID, Counter: r.Counter, Owner: r.Owner}
	}
	return r
}

// Set names the string attributes that a write changes, "" to remove one.
type Set map[string]string

// apply returns r as the write leaves it.
func (s Set) apply(r Row) Row {
	fields := map[string]*string{attrOwner: &r.Owner, attrTimeout: &r.Timeout, attrCheckpoint: &r.Checkpoint,
		attrParent: &r.ParentShardID, attrClaim: &r.Claim, attrDay: &r.CheckpointDay, attrDayOf: &r.DayOfCheckpoint,
		attrDuration: &r.Duration}
	for name, value := range s {
		*fields[name] = value
	}
	return r
}

// reflectedIn reports whether r is as the write leaves it. The timeout is for people, and the claim may have changed
// since; neither counts.
func (s Set) reflectedIn(r Row) bool {
	want := maps.Clone(s)
	delete(want, attrTimeout)
	delete(want, attrClaim)
	return want.apply(r) == r
}

// Errors of a [Table]. Every other error of a write means that its outcome is unknown.
var (
	ErrRefused      = errors.New("the lease row has changed since it was read")
	ErrTableMissing = errors.New("the lease table does not exist")
)

// Table stores the rows. All methods are safe for concurrent use and bounded by their context; a write that
// returns nil is durable and visible to every later read.
type Table interface {
	// Create makes the table and its application row where they are absent, and waits until it can be used.
	Create(ctx context.Context) error
	// Rows reads all rows, those of workers included, with strong consistency. Not atomic over several rows.
	Rows(ctx context.Context) ([]Row, error)
	// Row reads one row with strong consistency. If there is none, Exists reports false on what it returns.
	Row(ctx context.Context, shardID string) (Row, error)
	// Update adds one to the counter and applies set, if the row is still in the version that was seen.
	Update(ctx context.Context, seen Row, set Set) (Row, error)
	// Claim writes only the claim, "" to withdraw it, if version and claim are still as seen. The counter stays: a
	// claim does not show that the owner is alive.
	Claim(ctx context.Context, seen Row, claimant string) error
	// Delete removes the row, if it is still in the version that was seen. Repeating it is harmless.
	Delete(ctx context.Context, seen Row) error
}
