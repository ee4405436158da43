package warehouse

import (
	"time"

	"example.com/callevents/consumer/transform"
)

// DeadLetter is one rejected record, as it stands in a line of a dead letter object: everything that a person needs
// to see what was wrong, and a redrive to put it back into the stream.
//
// The dead letters of a link are one object, <errors-prefix>dt=<day>/<shard>-after-<previous>.ndjson: the key of
// [Place.Key] under the errors prefix, in NDJSON whatever the link's format is. It exists if, and only if, the link
// says Rejected > 0, and then has that many lines, in the order of the shard.
type DeadLetter struct {
	Stream          string           `json:"stream"`
	ShardID         string           `json:"shard_id"`
	SequenceNumber  string           `json:"sequence_number"`
	SubSequence     int              `json:"sub_sequence"` // place inside an aggregated record; 0 for an ordinary one
	PartitionKey    string           `json:"partition_key"`
	ExplicitHashKey string           `json:"explicit_hash_key,omitempty"` // known for records from containers only
	ArrivalTime     time.Time        `json:"arrival_time"`
	Reason          transform.Reason `json:"reason"`
	Data            []byte           `json:"data"` // the original bytes, base64
}
