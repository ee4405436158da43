package route

import (
	"slices"

	"example.com/callevents/shared/identity"
)

// Rotation is the open shards in turn, and all that the identities of the records to come follow from. A copy of it gives
// the same ones.
type Rotation struct {
	Records uint64 `json:"records"` // routed so far
	Turn    int    `json:"turn"`    // of Shards: which is next
	Shards  []Slot `json:"shards"`
}

// Slot is a shard in a rotation.
type Slot struct {
	ShardID string        `json:"shard"`
	Lane    identity.Lane `json:"lane"` // the zero value: it has none
	Last    uint64        `json:"last"` // number of its last record
}

// Next takes a turn, and returns the identity of the record.
func (r *Rotation) Next() identity.ID {
	slot := &r.Shards[r.Turn]
	r.Turn = (r.Turn + 1) % len(r.Shards)
	r.Records++
	if slot.Lane == (identity.Lane{}) {
		return identity.ID{}
	}
	slot.Last++
	return identity.ID{Lane: slot.Lane, Number: slot.Last}
}

// Skip takes n turns.
func (r *Rotation) Skip(n uint64) {
	shards := uint64(len(r.Shards))
	for i := range r.Shards {
		slot := &r.Shards[(r.Turn+i)%len(r.Shards)]
		if slot.Lane == (identity.Lane{}) {
			continue
		}
		slot.Last += n / shards
		if uint64(i) < n%shards {
			slot.Last++
		}
	}
	r.Turn = int((uint64(r.Turn) + n) % shards)
	r.Records += n
}

// Clone returns a copy.
func (r Rotation) Clone() Rotation {
	r.Shards = slices.Clone(r.Shards)
	return r
}

// slot returns that of a shard, and the zero value for one that is not there.
func (r Rotation) slot(shardID string) Slot {
	for _, s := range r.Shards {
		if s.ShardID == shardID {
			return s
		}
	}
	return Slot{}
}
