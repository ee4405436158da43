package audit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"

	"example.com/callevents/shared/sequence"
)

// ledger is what a producer says it has put, by the hash of the call_id.
type ledger struct {
	entries map[uint64]entry
	shards  []string
	lines   int
}

// entry is one call_id. The zero value is one that the ledger does not have. There may be millions: it holds no
// pointer, which saves memory and the garbage collector's time.
type entry struct {
	number  number // of the last line
	lines   uint32 // acknowledged that often: each an event of its own, or, without an identity, a record
	unknown uint16 // sends besides, which may have put a record or not
	shard   uint16 // its place in ledger.shards
	id      uint32 // hash of the identity of the last line; 0: it has none
}

// mayBe is how many records with this call_id there can be. Of an event with an identity it is one, however often it was sent.
func (e entry) mayBe() uint32 {
	if e.id != 0 {
		return e.lines
	}
	return max(1, e.lines+uint32(e.unknown))
}

// certain reports that a record with this call_id must be the one at number.
func (e entry) certain() bool { return e.lines == 1 && e.unknown == 0 }

// number is a sequence number of [sequence.Digits] digits in binary: a third of the memory.
type number [24]byte

func numberOf(n sequence.Number) (k number) {
	var value big.Int
	value.SetString(n.String(), 10)
	value.FillBytes(k[:])
	return k
}

func (n number) before(other number) bool { return bytes.Compare(n[:], other[:]) < 0 }

func (n number) String() string { return new(big.Int).SetBytes(n[:]).String() }

func (n number) sequence() sequence.Number { return sequence.Number(n.String()) }

// readLedger reads a ledger to its end; that of a nil reader is empty. A last line without a line feed does not count:
// the producer died while it wrote it.
func readLedger(r io.Reader, seed maphash.Seed) (*ledger, error) {
	if r == nil {
		return &ledger{}, nil
	}
	source := &endReader{Reader: r}
	reader := csv.NewReader(source)
	reader.FieldsPerRecord = -1
	l := &ledger{entries: map[uint64]entry{}}
	shards := map[string]uint16{}
	var previous []string // a line counts when its end was read
	for {
		fields, err := reader.Read()
		if err != nil && source.eof && source.last != '\n' && !errors.Is(err, io.EOF) {
			fields, err = nil, io.EOF // the broken line is the last
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if previous != nil && (err == nil || source.last == '\n') {
			if err := l.add(previous, shards, seed); err != nil {
				return nil, fmt.Errorf("line %d: %w", l.lines+1, err)
			}
		}
		if err != nil {
			return l, nil
		}
		previous = slices.Clone(fields)
	}
}

func (l *ledger) add(fields []string, shards map[string]uint16, seed maphash.Seed) error {
	if len(fields) < 3 || len(fields) > 5 {
		return fmt.Errorf("%d fields, want call_id,shard_id,sequence_number and perhaps a number of unknown sends and an identity", len(fields))
	}
	n, err := sequence.Parse(fields[2])
	if err != nil {
		return err
	}
	unknown := uint64(0)
	if len(fields) > 3 {
		if unknown, err = strconv.ParseUint(fields[3], 10, 16); err != nil {
			return fmt.Errorf("unknown sends: %w", err)
		}
	}
	shard, ok := shards[fields[1]]
	if !ok {
		if len(l.shards) > math.MaxUint16 {
			return errors.New("more than 65,536 shards")
		}
		shard = uint16(len(l.shards))
		shards[fields[1]], l.shards = shard, append(l.shards, fields[1])
	}
	call := hashOf(fields[0], seed)
	e := l.entries[call]
	now := entry{shard: shard, number: numberOf(n), lines: e.lines + 1, unknown: e.unknown + uint16(unknown)}
	if len(fields) > 4 {
		now.id = uint32(hashOf(fields[4], seed) | 1)
		if now.id == e.id { // acknowledged twice: it is one event, and either record may be stored
			now.lines, now.unknown = e.lines, now.unknown+1
		}
	}
	l.entries[call] = now
	l.lines++
	return nil
}

// endReader remembers the last byte, and whether the end was reached.
type endReader struct {
	io.Reader
	last byte
	eof  bool
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if n > 0 {
		e.last = p[n-1]
	}
	e.eof = e.eof || err == io.EOF
	return n, err
}
