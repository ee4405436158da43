package lease

import "time"

// What the tests' in-memory table and histories need to know of the rows.

const (
	MembersKey   = membersKey
	PlanKey      = planKey
	WorkerPrefix = workerPrefix
)

// DecodeRow reads a shard's row.
func DecodeRow(shardID string, i Item) Row { return decodeRow(shardID, i) }

// Item is the row as it stands in the table.
func (r Row) Item() Item {
	i := Item{attrShardID: r.ShardID}
	for name, value := range map[string]string{attrOwner: r.Owner, attrDuration: r.Duration, attrCheckpoint: r.Checkpoint,
		attrDay: r.CheckpointDay, attrDayOf: r.DayOfCheckpoint, attrParent: r.ParentShardID, attrTimeout: r.Timeout} {
		if value != "" {
			i[name] = value
		}
	}
	if r.Counter != 0 {
		i[attrCounter] = r.Counter
	}
	return i
}

// Unchanged are the conditions of a write by somebody who saw the row.
func (r Row) Unchanged() []Condition { return r.unchanged() }

// Life returns the present id and the end of its trust window.
func (s *Leases) Life() (id string, deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		return "", time.Time{}
	}
	return s.life.id, s.life.Deadline()
}

// Owner is the id under which the lease was acquired.
func (l *Lease) Owner() string { return l.life.id }
