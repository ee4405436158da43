package kpl

import (
	"crypto/md5"
	"encoding/binary"
	"iter"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/callevents/shared/hashkey"
)

// Record is one user record. Its slices are parts of the container's bytes, not copies.
type Record struct {
	SubSequence     int    // place in the container from 0, counting every user record, bad ones too
	PartitionKey    []byte // at most 256 characters; nil if the reason is NoPartitionKey
	ExplicitHashKey []byte // at most 39 digits, if it is any number; nil if it has none
	Data            []byte // the whole container if Reason is BadProtobuf or Empty
	Reason          Reason // empty: to be handed on
}

// Split takes a container apart that was read from a shard with that hash key range, and yields every user record
// in order, those with a [Reason] included. ok is false if data is no container but an ordinary record. Beyond the
// key tables (4 bytes per key) it needs no memory, however large the container.
func Split(data []byte, shard hashkey.Range) (records iter.Seq[Record], ok bool) {
	msg, ok := message(data)
	if !ok {
		return nil, false
	}
	c, reason := parse(msg)
	if reason != "" {
		return func(yield func(Record) bool) { yield(Record{Data: data, Reason: reason}) }, true
	}
	return func(yield func(Record) bool) { c.each(shard, yield) }, true
}

// container is a message that parses as a whole.
type container struct {
	msg              []byte
	partitionKeys    []uint32 // where each begins in msg
	explicitHashKeys []uint32
}

// parse reads the key tables and checks every user record's wire format, so that the second pass cannot fail.
func parse(msg []byte) (c container, reason Reason) {
	c.msg, reason = msg, Empty
	for rest := msg; len(rest) > 0; {
		at := uint32(len(msg) - len(rest))
		var f field
		var ok bool
		if f, rest, ok = next(rest); !ok {
			return c, BadProtobuf
		}
		switch {
		case f.is(fieldPartitionKeys, protowire.BytesType):
			c.partitionKeys = append(c.partitionKeys, at)
		case f.is(fieldExplicitHashKeys, protowire.BytesType):
			c.explicitHashKeys = append(c.explicitHashKeys, at)
		case f.is(fieldRecords, protowire.BytesType):
			if _, ok := parseEntry(f.bytes); !ok {
				return c, BadProtobuf
			}
			reason = ""
		}
	}
	return c, reason
}

func (c container) each(shard hashkey.Range, yield func(Record) bool) {
	n := 0
	for rest := c.msg; len(rest) > 0; {
		var f field
		f, rest, _ = next(rest)
		if !f.is(fieldRecords, protowire.BytesType) {
			continue
		}
		e, _ := parseEntry(f.bytes)
		r := Record{SubSequence: n, Data: e.data}
		r.Reason = c.resolve(&r, e, shard)
		if !yield(r) {
			return
		}
		n++
	}
}

// The longest keys that a record can have (API reference, PutRecordsRequestEntry). A user record refers to a key with two
// bytes. Without a limit, a key of some megabytes could be copied for each of many user records, which takes terabytes.
const (
	maxPartitionKeyChars = 256
	maxHashKeyDigits     = 39
)

// resolve looks up the keys of r, and decides whether it can be handed on.
func (c container) resolve(r *Record, e entry, shard hashkey.Range) Reason {
	partitionKey, ok := c.key(c.partitionKeys, e.partitionKey)
	if !ok || len(partitionKey) > utf8.UTFMax*maxPartitionKeyChars || utf8.RuneCount(partitionKey) > maxPartitionKeyChars {
		return NoPartitionKey
	}
	r.PartitionKey = partitionKey
	if e.explicitHashKey.set {
		explicitHashKey, ok := c.key(c.explicitHashKeys, e.explicitHashKey)
		if !ok || len(explicitHashKey) > maxHashKeyDigits {
			return BadHashKey
		}
		r.ExplicitHashKey = explicitHashKey
	}
	key, err := r.hashKey()
	if err != nil {
		return BadHashKey
	}
	if !shard.Contains(key) {
		return OutsideShard
	}
	if _, nested := message(r.Data); nested {
		return Nested
	}
	return ""
}

// hashKey returns the hash key that decides to which shard r belongs: the explicit one, else the MD5 of its partition key.
func (r *Record) hashKey() (hashkey.Key, error) {
	if r.ExplicitHashKey != nil {
		return hashkey.Parse(string(r.ExplicitHashKey))
	}
	sum := md5.Sum(r.PartitionKey)
	return hashkey.FromWords(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])), nil
}

// entry is a user record as it stands in the message: its keys are places in the tables.
type entry struct {
	partitionKey, explicitHashKey index
	data                          []byte
}

type index struct {
	value uint64
	set   bool
}

// key looks a key up in its table.
func (c container) key(table []uint32, i index) ([]byte, bool) {
	if !i.set || i.value >= uint64(len(table)) {
		return nil, false
	}
	f, _, _ := next(c.msg[table[i.value]:])
	return f.bytes, true
}

// parseEntry reads one user record. If a field is there twice, the last one counts, as in every protobuf parser.
func parseEntry(msg []byte) (e entry, ok bool) {
	hasData := false
	for rest := msg; len(rest) > 0; {
		var f field
		if f, rest, ok = next(rest); !ok {
			return e, false
		}
		switch {
		case f.is(fieldPartitionKeyIndex, protowire.VarintType):
			e.partitionKey = index{f.varint, true}
		case f.is(fieldExplicitHashKeyIndex, protowire.VarintType):
			e.explicitHashKey = index{f.varint, true}
		case f.is(fieldData, protowire.BytesType):
			e.data, hasData = f.bytes, true
		}
	}
	return e, hasData
}

// field is one field of a message, with the value of the two wire types that are used here.
type field struct {
	number protowire.Number
	typ    protowire.Type
	varint uint64
	bytes  []byte
}

// is reports whether a field has that number and that wire type. A known number with another type is an unknown field.
func (f field) is(number protowire.Number, typ protowire.Type) bool {
	return f.number == number && f.typ == typ
}

// next reads the first field of b and returns what follows it.
func next(b []byte) (f field, rest []byte, ok bool) {
	number, typ, n := protowire.ConsumeTag(b)
	if n < 0 || number > protowire.MaxValidNumber {
		return f, nil, false
	}
	b = b[n:]
	size := protowire.ConsumeFieldValue(number, typ, b)
	if size < 0 {
		return f, nil, false
	}
	f.number, f.typ = number, typ
	switch typ {
	case protowire.VarintType:
		f.varint, _ = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.bytes, _ = protowire.ConsumeBytes(b)
	}
	return f, b[size:], true
}
