package lease

import (
	"maps"
	"time"
)

// ShardEnd is the checkpoint of a shard that was read to its end. It is terminal.
const ShardEnd = "SHARD_END"

// Attributes of a shard's row. They carry vmware-go-kcl-v2's names where it has them, so that its tables keep working.
const (
	attrShardID    = "ShardID" // the key of every row
	attrOwner      = "AssignedTo"
	attrDuration   = "LeaseDuration" // of worker rows, too
	attrTimeout    = "LeaseTimeout"
	attrCheckpoint = "Checkpoint"
	attrParent     = "ParentShardId"
	attrCounter    = "LeaseCounter"
	attrDay        = "CheckpointDay"
	attrDayOf      = "DayOfCheckpoint"
)

// Row is the row of a shard as it was read. The zero value of any field but ShardID means that the attribute is absent.
type Row struct {
	ShardID       string
	Owner         string // id of the worker that holds the lease, see [WorkerRow]; "": free at once
	Duration      string // lease duration of the worker that acquired the lease last, such as 10s
	Counter       int64  // grows by one with every write; random in a new row; 0: absent, or written by the stock library
	Checkpoint    string // decimal sequence number, [ShardEnd], or "" before the first checkpoint
	CheckpointDay string // UTC day of the link after the checkpoint, 2006-01-02
	// The checkpoint that CheckpointDay was stored with. If it is another one, somebody has changed the checkpoint.
	DayOfCheckpoint string
	ParentShardID   string
	Timeout         string // for people and stock workers, and as the version of a row that the stock library wrote
}

func decodeRow(shardID string, i Item) Row {
	return Row{ShardID: shardID, Owner: i.text(attrOwner), Duration: i.text(attrDuration), Counter: i.number(attrCounter),
		Checkpoint: i.text(attrCheckpoint), CheckpointDay: i.text(attrDay), DayOfCheckpoint: i.text(attrDayOf),
		ParentShardID: i.text(attrParent), Timeout: i.text(attrTimeout)}
}

// Exists reports whether the row was in the table when it was read.
func (r Row) Exists() bool {
	return r.Counter != 0 || r.Timeout != "" || r.Owner != "" || r.Checkpoint != ""
}

// Finished reports whether the shard was read to its end.
func (r Row) Finished() bool { return r.Checkpoint == ShardEnd }

// version is what every write changes. The stock library has no counter, but each of its renewals writes another timeout.
func (r Row) version() Row {
	if r.Counter != 0 {
		return Row{ShardID: r.ShardID, Counter: r.Counter, Owner: r.Owner}
	}
	return r
}

// unchanged are the conditions of the fence: a row that is absent must still be absent; any other must carry the counter
// and the owner that were seen; a row of the stock library, which has no counter, the timeout that was seen.
func (r Row) unchanged() []Condition {
	if !r.Exists() {
		return []Condition{{Kind: Absent}}
	}
	same := []Condition{{Kind: Present}, equals(attrOwner, r.Owner), equals(attrCounter, r.Counter)}
	if r.Counter == 0 {
		same = append(same, equals(attrTimeout, r.Timeout))
	}
	return same
}

// lifetime is how long an owner without a worker row is respected after the last change of the row. One that does not say,
// of the stock library, is respected for as long as it would respect us.
func (r Row) lifetime(ours time.Duration) time.Duration { return parseDuration(r.Duration, ours) }

func parseDuration(text string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d
	}
	return otherwise
}

// set names the attributes of a shard's row that a write changes, "" to remove one.
type set map[string]string

// apply returns r as the write leaves it, but for the counter.
func (s set) apply(r Row) Row {
	fields := map[string]*string{attrOwner: &r.Owner, attrTimeout: &r.Timeout, attrCheckpoint: &r.Checkpoint,
		attrParent: &r.ParentShardID, attrDay: &r.CheckpointDay, attrDayOf: &r.DayOfCheckpoint, attrDuration: &r.Duration}
	for name, value := range s {
		*fields[name] = value
	}
	return r
}

// reflectedIn reports whether r is as the write leaves it. The timeout is for others and does not count.
func (s set) reflectedIn(r Row) bool {
	want := maps.Clone(s)
	delete(want, attrTimeout)
	return want.apply(r) == r
}
