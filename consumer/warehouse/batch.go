package warehouse

import (
	"encoding/json"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"example.com/callevents/shared/sequence"
)

// Batch is a link in the making. Lines go straight through the encoder into one buffer, which becomes the body of the
// request. So a batch is held once, compressed. The order of calls: Begin; for each record Append and any number of
// AddLine and AddDeadLetter; Seal; [Store.Create]; and again from Begin, which keeps the memory. Not safe for concurrent use.
type Batch struct {
	place       Place
	nextDay     string
	first, last sequence.Number
	records     int
	rejected    int
	bytes       int // before compression
	attempts    int // to create it

	// AnyShard and ByIdentity go into the link, see [Link]. Begin clears the one and sets the other.
	AnyShard, ByIdentity bool

	copies int
	memory string
	before Name

	format      Format
	encoder     encoder
	body        body
	deadLetters body
}

// encoder turns lines into the bytes of one object.
type encoder interface {
	// Reset starts an object that is written to w.
	Reset(w io.Writer)
	// Write adds one line, which ends with a line feed.
	io.Writer
	// Close ends the object.
	io.Closer
}

func newBatch(format Format) *Batch {
	b := &Batch{format: format}
	switch format {
	case NDJSONGzip: // level 5, the library's default: level 1 takes 44 % less CPU, and its objects of call events are 20 % larger
		b.encoder = gzip.NewWriter(nil)
	case NDJSONZstd:
		b.encoder = newZstdEncoder()
	case Parquet:
		b.encoder = newParquetEncoder()
	default:
		b.encoder = &plain{}
	}
	return b
}

// Begin empties the batch, which is to become the link at place.
func (b *Batch) Begin(place Place) {
	b.place, b.nextDay, b.first, b.last = place, place.Day, "", place.Previous
	b.records, b.rejected, b.bytes, b.attempts, b.AnyShard = 0, 0, 0, 0, false
	b.copies, b.memory, b.before, b.ByIdentity = 0, "", Name{}, true
	b.body.Reset()
	b.deadLetters.Reset()
	b.encoder.Reset(&b.body)
}

// Place is where the batch belongs.
func (b *Batch) Place() Place { return b.place }

// Empty reports whether the batch has no record.
func (b *Batch) Empty() bool { return b.first.IsZero() }

// First is the sequence number of the first record; zero while the batch is empty.
func (b *Batch) First() sequence.Number { return b.first }

// Last is the sequence number of the last record; while the batch is empty, of the record before its place.
func (b *Batch) Last() sequence.Number { return b.last }

// Records counts the lines.
func (b *Batch) Records() int { return b.records }

// Rejected counts the dead letters.
func (b *Batch) Rejected() int { return b.rejected }

// Bytes is what was added, lines and dead letters, before compression.
func (b *Batch) Bytes() int { return b.bytes }

// BodyBytes is the size of the object as far as it is encoded.
func (b *Batch) BodyBytes() int { return b.body.Len() }

// Append makes the record with sequence number n the last one of the batch's range. Its lines and dead letters follow.
func (b *Batch) Append(n sequence.Number) {
	if b.Empty() {
		b.first = n
	}
	b.last = n
}

// AddLine adds a line of the last record. It must end with a line feed, and is not kept.
func (b *Batch) AddLine(line []byte) error {
	b.records++
	b.bytes += len(line)
	_, err := b.encoder.Write(line)
	return err
}

// AddDeadLetter adds a dead letter of the last record.
func (b *Batch) AddDeadLetter(letter DeadLetter) error {
	b.rejected++
	before := b.deadLetters.Len()
	lines := json.NewEncoder(&b.deadLetters)
	lines.SetEscapeHTML(false)
	err := lines.Encode(letter)
	b.bytes += b.deadLetters.Len() - before
	return err
}

// AddCopies counts copies of the last record that are not stored.
func (b *Batch) AddCopies(n int) { b.copies += n }

// Seal ends the object, to be called once. The link after it is to be on nextDay.
func (b *Batch) Seal(nextDay string) error {
	b.nextDay = nextDay
	return b.encoder.Close()
}

// Link is what the sealed batch becomes when it is created.
func (s *Store) Link(b *Batch) Link {
	l := Link{
		Location: s.Location, Place: b.place, Application: s.Application, Stream: s.Stream,
		First: b.first, Last: b.last, NextDay: b.nextDay, Records: b.records, Rejected: b.rejected,
		Format: b.format, Writer: s.Writer, AnyShard: b.AnyShard,
		ByIdentity: b.ByIdentity, Copies: b.copies, Memory: b.memory, Before: b.before,
	}
	if l.Rejected > 0 {
		l.DeadLetters = l.Place.Key(DeadLettersPrefix(s.ErrorsPrefix, s.Application), NDJSON)
	}
	return l
}

// Remember gives a sealed batch the link before it, if that is to be named, and a memory that is as large as there is room for
// in the link's metadata. So no link is refused for its size: if there is no room for the name, the link does without.
func (s *Store) Remember(b *Batch, before Name, memory func(room int) string) {
	b.before = before
	if s.Link(b).room() < 0 {
		b.before = Name{}
	}
	b.memory = memory(s.Link(b).room())
}

// zstdWindowBytes bounds the encoder's memory; call events repeat themselves within far less. Its fastest level makes
// their objects no larger than the next one, and takes a sixth less CPU. Without lines it writes an empty frame: zero
// bytes are no zstd. The option says so whatever the library's default is, which was the other one before its 1.19.
const zstdWindowBytes = 1 << 20

func newZstdEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindowBytes), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // an option is out of range
	}
	return e
}

// plain encodes nothing.
type plain struct{ io.Writer }

func (p *plain) Reset(w io.Writer) { p.Writer = w }
func (p *plain) Close() error      { return nil }
