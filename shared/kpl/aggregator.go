package kpl

import (
	"bytes"
	"crypto/md5"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/callevents/shared/hashkey"
)

// Aggregator packs user records of one shard into containers. It is for one goroutine.
//
// A container goes to the stream under the explicit hash key of its first user record. If a shard may be split between
// packing and putting, give all user records of a container the same explicit hash key. Then all of them belong to the
// child shard that the container goes to.
type Aggregator struct {
	maxBytes int

	partitionKeys    table
	explicitHashKeys table
	records          []byte // encoded
	count            int
	first            hashkey.Key
}

// NewAggregator returns an aggregator whose containers are at most maxBytes long. A stream takes 1 MiB per record by
// default, the partition key counted in (API reference, PutRecords); 50 KiB is the KPL's own default.
func NewAggregator(maxBytes int) *Aggregator {
	return &Aggregator{
		maxBytes:         maxBytes,
		partitionKeys:    table{field: fieldPartitionKeys},
		explicitHashKeys: table{field: fieldExplicitHashKeys},
	}
}

// Add packs a user record. It returns false and changes nothing if there is no room: then flush the container first.
// If the container is empty, the record is too large for any container: then put it by itself.
func (a *Aggregator) Add(partitionKey string, explicitHashKey hashkey.Key, data []byte) bool {
	var decimal [39]byte // 2^128-1 has 39 digits
	hashKey := explicitHashKey.Append(decimal[:0])
	partitionKeyIndex, partitionKeyBytes := a.partitionKeys.place([]byte(partitionKey))
	hashKeyIndex, hashKeyBytes := a.explicitHashKeys.place(hashKey)
	size := protowire.SizeTag(fieldPartitionKeyIndex) + protowire.SizeVarint(partitionKeyIndex) +
		protowire.SizeTag(fieldExplicitHashKeyIndex) + protowire.SizeVarint(hashKeyIndex) +
		protowire.SizeTag(fieldData) + protowire.SizeBytes(len(data))
	if a.Bytes()+partitionKeyBytes+hashKeyBytes+protowire.SizeTag(fieldRecords)+protowire.SizeBytes(size) > a.maxBytes {
		return false
	}
	if a.count == 0 {
		a.first = explicitHashKey
	}
	a.count++
	a.partitionKeys.add([]byte(partitionKey), partitionKeyIndex)
	a.explicitHashKeys.add(hashKey, hashKeyIndex)
	b := protowire.AppendTag(a.records, fieldRecords, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendTag(b, fieldPartitionKeyIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, partitionKeyIndex)
	b = protowire.AppendTag(b, fieldExplicitHashKeyIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, hashKeyIndex)
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	a.records = protowire.AppendBytes(b, data)
	return true
}

// Count is the number of user records waiting.
func (a *Aggregator) Count() int { return a.count }

// Bytes is the length of the container as it stands.
func (a *Aggregator) Bytes() int {
	return len(magic) + len(a.partitionKeys.encoded) + len(a.explicitHashKeys.encoded) + len(a.records) + md5.Size
}

// ExplicitHashKey is that of the first user record waiting. Put the container under it.
func (a *Aggregator) ExplicitHashKey() hashkey.Key { return a.first }

// Flush appends the container to dst and starts the next one. With nothing waiting it returns dst as it was.
func (a *Aggregator) Flush(dst []byte) []byte {
	if a.count == 0 {
		return dst
	}
	dst = append(dst, magic...)
	start := len(dst)
	dst = append(dst, a.partitionKeys.encoded...)
	dst = append(dst, a.explicitHashKeys.encoded...)
	dst = append(dst, a.records...)
	sum := md5.Sum(dst[start:])
	a.partitionKeys.reset()
	a.explicitHashKeys.reset()
	a.records, a.count = a.records[:0], 0
	return append(dst, sum[:]...)
}

// table is an encoded key table. A key that equals the one before it is stored once. Nothing is lost by that: partition
// keys are unique to a record, and an explicit hash key is often that of the whole container.
type table struct {
	field   protowire.Number
	encoded []byte
	count   uint64
	last    []byte // part of encoded
}

// place returns the index that key has or would get, and by how many bytes the table grows if it is added.
func (t *table) place(key []byte) (index uint64, size int) {
	if t.count > 0 && bytes.Equal(key, t.last) {
		return t.count - 1, 0
	}
	return t.count, protowire.SizeTag(t.field) + protowire.SizeBytes(len(key))
}

func (t *table) add(key []byte, index uint64) {
	if index < t.count {
		return
	}
	t.encoded = protowire.AppendTag(t.encoded, t.field, protowire.BytesType)
	t.encoded = protowire.AppendBytes(t.encoded, key)
	t.count, t.last = t.count+1, t.encoded[len(t.encoded)-len(key):]
}

func (t *table) reset() { t.encoded, t.count, t.last = t.encoded[:0], 0, nil }
