// Package journal lets a producer that was killed go on with its input, under the identities that its events had. So nothing
// of the input is missing, and whatever is put again can be told from a first send.
//
// The journal is a file of JSON objects, one a line. Each but the last kind is on disk before what it allows:
//
//	begin      the stream and the run                          before everything else
//	rotation   the shards in turn, with their lanes            before the first record that it routes is put
//	read       how far the input was read, and its digest      before any of these events is put
//	done       all events before this place are settled: acknowledged and in the ledger, or spilled, or put aside
//
// So the journal tells the identity of each event that may be in the stream: the rotation gave the n-th event of the input its
// lane and number. A producer that starts again reads on from done. The events up to read get their old identities, and are
// sent as what may be in the stream already. Those that follow are new, and the rotation goes on, unless the stream was
// resharded meanwhile: then another begins.
//
// What a crash leaves behind:
//
//	an event was         the journal has it       the next producer
//	read                 up to read               puts it, marked: it may be in the stream, or not
//	put                  up to read               puts it again, marked: the consumer drops the copy
//	settled              up to done, a second     puts what was settled in the last second again, marked
//	                     later
//
// A line that a crash has cut is not there: nothing had followed from it. One producer at a time has the lock of the file.
package journal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"sync"

	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/route"
	"example.com/callevents/producer/source"
	"example.com/callevents/shared/event"
)

// begin is the first line.
type begin struct {
	Version int    `json:"version"`
	Stream  string `json:"stream"`
	Run     uint64 `json:"run"`
}

// version is that of the form of the file.
const version = 1

// read is how far the input was read.
type read struct {
	source.Position
	SHA256 string `json:"sha256"` // of all before, hexadecimal
}

// done is the first event that is not settled.
type done struct {
	Events uint64          `json:"events"` // before it
	From   source.Position `json:"from"`   // where to read on to come to it
}

// line is one line of the file: one of its fields.
type line struct {
	Begin    *begin          `json:"begin,omitempty"`
	Rotation *route.Rotation `json:"rotation,omitempty"`
	Read     *read           `json:"read,omitempty"`
	Done     *done           `json:"done,omitempty"`
}

// Journal is the journal of one input. One goroutine may call Read, one Begin and Routed, one Run, any Settled and Stuck.
type Journal struct {
	input   *os.File
	pulse   *pulse.Pulse
	settled settled
	former  state // of the producer before, as it left the file

	// Of the goroutine that reads.
	replay rotations
	digest hash.Hash
	hashed int64 // bytes of the input that digest has

	version uint64 // of the shard map that Routed saw last

	mu         sync.Mutex // guards everything below
	file       *os.File
	failure    error             // of the first write that failed: nothing is written after it
	boundaries []source.Position // of what was read, from the one before the first event that is not settled
	noted      done              // what the file has
}

// Start is where the input is to be read from.
func (j *Journal) Start() source.Position { return j.former.done.From }

// First is the place of the first event that is not settled. The first one of the input has the place 0.
func (j *Journal) First() uint64 { return j.former.done.Events }

// Repeats is how many events are put under the identities that they had before.
func (j *Journal) Repeats() uint64 {
	if len(j.former.rotations) == 0 {
		return 0 // none was put
	}
	return j.former.read.Events - j.former.done.Events
}

// Begin binds the journal to a stream, and the router to the journal: it goes on where the former one ended. It is to be
// called before the router has a map.
func (j *Journal) Begin(stream string, router *route.Router) error {
	former := &j.former
	if former.begin == (begin{}) {
		former.begin = begin{Version: version, Stream: stream, Run: rand.Uint64() | 1}
		if err := j.append(line{Begin: &former.begin}); err != nil {
			return err
		}
	}
	if former.begin.Stream != stream {
		return fmt.Errorf("journal %s is of another stream, %s, not of %s: use another file for each stream", j.file.Name(), former.begin.Stream, stream)
	}
	router.OpenLanes(former.begin.Run)
	if len(former.rotations) > 0 {
		router.Resume(former.begin.Run, former.rotations.at(former.read.Events))
	}
	return nil
}

// Routed is to be called between Next of the router and the Put of what it routed.
func (j *Journal) Routed(to route.Destination, router *route.Router) error {
	if to.ID.None() {
		return fmt.Errorf("shard %s has too few hash keys for an identity, which --journal needs", to.ShardID)
	}
	if to.MapVersion == j.version {
		return nil
	}
	var lines []line
	for _, rotation := range router.Changes() {
		lines = append(lines, line{Rotation: &rotation})
	}
	j.version = to.MapVersion
	return j.append(lines...)
}

// Mark implements [source.Journal]. At the end of what was read before, the events are to be as many as they were.
func (j *Journal) Mark() int64 { return j.former.read.Bytes }

// Read implements [source.Journal].
func (j *Journal) Read(next []event.Event, after source.Position) ([]event.Event, error) {
	before := j.former.read
	if after.Bytes == before.Bytes && after.Events != before.Events {
		return nil, fmt.Errorf("this version takes %d lines of the input for events, and the one that began with it took %d: let that one finish it", after.Events, before.Events)
	}
	first := after.Events - uint64(len(next))
	if settled := j.former.done.Events; first < settled {
		skipped := min(settled-first, uint64(len(next)))
		next, first = next[skipped:], first+skipped
	}
	for i := range next {
		if place := first + uint64(i); place < before.Events && len(j.former.rotations) > 0 {
			next[i].ID = j.replay.next(place)
		}
	}
	j.mu.Lock()
	j.boundaries = append(j.boundaries, after)
	j.mu.Unlock()
	if after.Bytes <= j.hashed {
		return next, nil
	}
	if err := j.hashTo(after.Bytes); err != nil {
		return nil, err
	}
	return next, j.append(line{Read: &read{Position: after, SHA256: hex.EncodeToString(j.digest.Sum(nil))}})
}

func (j *Journal) hashTo(end int64) error {
	n, err := io.Copy(j.digest, io.NewSectionReader(j.input, j.hashed, end-j.hashed))
	j.hashed += n
	if err == nil && j.hashed < end {
		err = errors.New("it has become shorter")
	}
	if err != nil {
		return fmt.Errorf("read input again: %w", err)
	}
	return nil
}

// Settled says that the event at that place is settled.
func (j *Journal) Settled(place uint64) { j.settled.add(place) }

// Stuck says that a write does not return. It never blocks.
func (j *Journal) Stuck() error { return j.pulse.Err() }

// append writes lines, and returns when they are on disk.
func (j *Journal) append(lines ...line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(lines...); err != nil || len(lines) == 0 {
		return err
	}
	j.pulse.Beat(0)
	defer j.pulse.Rest()
	if err := j.file.Sync(); err != nil {
		j.failure = fmt.Errorf("write journal: %w", err)
	}
	return j.failure
}

func (j *Journal) write(lines ...line) error {
	var text []byte
	for _, l := range lines {
		one, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("write journal: %w", err)
		}
		text = append(append(text, one...), '\n')
	}
	if j.failure != nil || len(text) == 0 {
		return j.failure
	}
	j.pulse.Beat(0)
	defer j.pulse.Rest()
	if _, err := j.file.Write(text); err != nil {
		j.failure = fmt.Errorf("write journal: %w", err) // the line may be cut: nothing may follow it
	}
	return j.failure
}
