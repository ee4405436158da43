package kpl

// Reason says why a user record, or a whole container, cannot be handed on; the zero value means that it can.
type Reason string

const (
	// BadProtobuf: the digest is right, but the message does not parse or a user record in it has no data. The
	// whole container is handed out as one record.
	BadProtobuf Reason = "container_bad_protobuf"
	// Empty: a container without any user record, handed out as it is.
	Empty Reason = "container_empty"
	// Nested: the user record is itself a container. No producer makes these, and the KCL does not open them.
	Nested Reason = "container_nested"
	// NoPartitionKey: the partition key index is absent, points outside the table, or to a key that is too long.
	NoPartitionKey Reason = "no_partition_key"
	// BadHashKey: the explicit hash key index points outside the table, or the key is no 128-bit decimal number.
	BadHashKey Reason = "bad_hash_key"
	// OutsideShard: the user record belongs to another shard, by its hash key. The KPL puts it again, into its own shard.
	// Other aggregators do not. So it is not to be dropped.
	OutsideShard Reason = "outside_shard"
)
