// Package kpl reads and writes aggregated records, the containers in which the Kinesis Producer Library packs many
// user records into one record of the stream.
//
//	f3 89 9a c2 | protobuf message | MD5 of the message (16 bytes)
//
//	message AggregatedRecord {
//	  repeated string partition_key_table     = 1;
//	  repeated string explicit_hash_key_table = 2;   // decimal
//	  repeated Record records                 = 3;
//	}
//	message Record {
//	  required uint64 partition_key_index     = 1;
//	  optional uint64 explicit_hash_key_index = 2;
//	  required bytes  data                    = 3;
//	  repeated Tag    tags                    = 4;   // never used; ignored
//	}
//
// Magic bytes without the right digest are no container: the KCL takes such a record as an ordinary one, and so does
// [Split]. With the right digest, what cannot be handed on has a [Reason]. Each user record has its own where that is
// possible, so a bad one does not take its neighbours with it. No input makes Split panic.
//
// A user record belongs to one shard by its hash key: the explicit one, else the MD5 of its partition key. A reshard may
// bring a container to another shard than it was made for. Then the KPL sends again the user records that do not belong
// there, and only those (its versions before August 2024 send all of them, which makes duplicates). It relies on readers
// that hand on no user record outside its shard. Other aggregators put a container anywhere and send nothing again. A
// container does not say who made it. So Split judges each user record by itself, and yields those outside their shard
// with a reason: the caller keeps them apart and drops none. (The KCL's code drops them, with others of the container, and
// so loses those that are not sent again.)
//
// A stream that distributes records itself (record distribution AUTO) brings every container to any shard. There a user
// record belongs to every shard: give Split the whole range of hash keys.
//
// The package does no I/O and knows nothing about sequence numbers.
package kpl

import (
	"bytes"
	"crypto/md5"
)

const magic = "\xf3\x89\x9a\xc2"

// Field numbers of the two messages.
const (
	fieldPartitionKeys    = 1
	fieldExplicitHashKeys = 2
	fieldRecords          = 3

	fieldPartitionKeyIndex    = 1
	fieldExplicitHashKeyIndex = 2
	fieldData                 = 3
)

// message returns the protobuf message inside data; ok is false if data is no container.
func message(data []byte) (msg []byte, ok bool) {
	body, found := bytes.CutPrefix(data, []byte(magic))
	if !found || len(body) < md5.Size {
		return nil, false
	}
	msg, digest := body[:len(body)-md5.Size], body[len(body)-md5.Size:]
	sum := md5.Sum(msg)
	return msg, bytes.Equal(sum[:], digest)
}
