package kpl_test

import (
	"crypto/md5"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/callevents/shared/hashkey"
)

const (
	halfway     = "170141183460469231731687303715884105728" // 2^127
	lastHashKey = "340282366920938463463374607431768211455" // 2^128-1
)

func hashKey(t testing.TB, s string) hashkey.Key {
	t.Helper()
	key, err := hashkey.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyRange(t testing.TB, first, last string) hashkey.Range {
	t.Helper()
	r, err := hashkey.ParseRange(first, last)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func everything(t testing.TB) hashkey.Range { return keyRange(t, "0", lastHashKey) }

// contain frames a message as a container.
func contain(message []byte) []byte {
	digest := md5.Sum(message)
	return slices.Concat([]byte("\xf3\x89\x9a\xc2"), message, digest[:])
}

// message is what a container holds. That it is encoded as the Kinesis Producer Library does is tested in
// scripts/lab/kpl, which has the reference implementation.
type message struct {
	partitionKeys, hashKeys []string
	users                   []user
}

// user is a user record. Its keys are places in the tables of keys.
type user struct {
	partitionKey uint64
	hashKey      *uint64 // explicit; nil: none
	data         string
}

func (m message) encode() (b []byte) {
	for _, key := range m.partitionKeys {
		b = appendText(b, 1, key)
	}
	for _, key := range m.hashKeys {
		b = appendText(b, 2, key)
	}
	for _, u := range m.users {
		b = appendText(b, 3, string(u.encode()))
	}
	return b
}

func (u user) encode() (b []byte) {
	b = appendNumber(b, 1, u.partitionKey)
	if u.hashKey != nil {
		b = appendNumber(b, 2, *u.hashKey)
	}
	return appendText(b, 3, u.data)
}

func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}

func containerOf(m message) []byte { return contain(m.encode()) }
