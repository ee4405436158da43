package reference

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/callevents/shared/hashkey"
)

// The longest keys that a record can have: 256 characters, 39 digits.
const (
	maxPartitionKeyChars = 256
	maxHashKeyDigits     = 39
)

// userRecord is one record of a container.
type userRecord struct {
	partitionKey []byte
	hashKey      []byte // the explicit one; nil if there is none
	place        int    // in the container
	data         []byte
	reason       string // empty if it is to be handed on
}

// userRecords takes a container apart that was read from a shard with those hash keys. ok is false if data is no
// container. A container that cannot be taken apart is one user record with a reason.
func userRecords(data []byte, shard hashkey.Range) (users []userRecord, ok bool) {
	msg, ok := message(data)
	if !ok {
		return nil, false
	}
	var partitionKeys, hashKeys, records [][]byte
	ok = eachField(msg, func(f field) {
		switch {
		case f.number == 1 && f.bytes != nil:
			partitionKeys = append(partitionKeys, f.bytes)
		case f.number == 2 && f.bytes != nil:
			hashKeys = append(hashKeys, f.bytes)
		case f.number == 3 && f.bytes != nil:
			records = append(records, f.bytes)
		}
	})
	whole := func(reason string) []userRecord { return []userRecord{{data: data, reason: reason}} }
	for i, record := range records {
		user, valid := readUserRecord(record, partitionKeys, hashKeys, shard)
		ok = ok && valid
		user.place = i
		users = append(users, user)
	}
	switch {
	case !ok:
		return whole(containerMalformed), true
	case len(users) == 0:
		return whole(containerEmpty), true
	}
	return users, true
}

// message returns what is between the magic bytes and the digest. ok is false if either is not there.
func message(data []byte) (msg []byte, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte{0xf3, 0x89, 0x9a, 0xc2})
	if !ok || len(rest) < md5.Size {
		return nil, false
	}
	msg = rest[:len(rest)-md5.Size]
	return msg, md5.Sum(msg) == [md5.Size]byte(rest[len(msg):])
}

// readUserRecord reads and judges one record. ok is false if it is malformed or has no data.
func readUserRecord(msg []byte, partitionKeys, hashKeys [][]byte, shard hashkey.Range) (user userRecord, ok bool) {
	var partitionKey, hashKey *uint64 // indexes into the tables
	ok = eachField(msg, func(f field) {
		switch {
		case f.number == 1 && f.varint != nil:
			partitionKey = f.varint
		case f.number == 2 && f.varint != nil:
			hashKey = f.varint
		case f.number == 3 && f.bytes != nil:
			user.data = f.bytes
		}
	})
	if !ok || user.data == nil {
		return userRecord{}, false
	}
	user.partitionKey = lookUp(partitionKeys, partitionKey)
	if user.partitionKey == nil || utf8.RuneCount(user.partitionKey) > maxPartitionKeyChars {
		return userRecord{data: user.data, reason: noPartitionKey}, true
	}
	sum := md5.Sum(user.partitionKey)
	key := hashkey.FromWords(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:]))
	if hashKey != nil {
		explicit := lookUp(hashKeys, hashKey)
		if len(explicit) <= maxHashKeyDigits {
			user.hashKey = explicit
		}
		var err error
		if key, err = hashkey.Parse(string(user.hashKey)); err != nil {
			user.reason = badHashKey
			return user, true
		}
	}
	if _, nested := message(user.data); !shard.Contains(key) {
		user.reason = outsideShard
	} else if nested {
		user.reason = containerNested
	}
	return user, true
}

// lookUp returns nil if the index is absent or beyond the table.
func lookUp(table [][]byte, index *uint64) []byte {
	if index == nil || *index >= uint64(len(table)) {
		return nil
	}
	return table[*index]
}

// field is one field of a protobuf message. A number that the message knows, with a type that it does not know, is
// an unknown field.
type field struct {
	number protowire.Number
	varint *uint64 // nil unless it is of that type
	bytes  []byte  // nil unless it is of that type; never nil if it is
}

// eachField reads a message up to the end, or to where it is malformed: then it returns false.
func eachField(msg []byte, each func(field)) (ok bool) {
	for len(msg) > 0 {
		number, wire, tagBytes := protowire.ConsumeTag(msg)
		_, _, size := protowire.ConsumeField(msg)
		if size < 0 || number > protowire.MaxValidNumber {
			return false
		}
		f := field{number: number}
		switch value := msg[tagBytes:size]; wire {
		case protowire.VarintType:
			n, _ := protowire.ConsumeVarint(value)
			f.varint = &n
		case protowire.BytesType:
			f.bytes, _ = protowire.ConsumeBytes(value)
		}
		each(f)
		msg = msg[size:]
	}
	return true
}
