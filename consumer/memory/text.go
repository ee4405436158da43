package memory

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"sort"

	"example.com/callevents/shared/identity"
)

// The text is the version and, in base64, for each lane, the one that was met last first:
//
//	run     8 bytes
//	lane    8 bytes
//	head    1 byte: the days since it was met, and the form of what follows the first run
//	first   the first run: its first number, and how many more it has
//	more    nothing, or runs: how many, and of each the numbers that lie between, less one, and how many more it has;
//	        or a bitmap: its size in bytes, and a bit for each number after the first run
//
// All numbers without a size are varints. Of both forms the shorter one is taken.
const version = "1"

// The form of what follows the first run.
const (
	formNone byte = iota << 3
	formRuns
	formBitmap
	ageMask = formRuns - 1
)

// Text returns the memory as the link stores it whose next one is on a day. It has no more bytes than room; what does not fit
// is forgotten. Empty: there is nothing to remember.
func (m *Memory) Text(room int, day string) string {
	if room <= len(version) {
		room = len(version)
	}
	left := base64.RawURLEncoding.DecodedLen(room - len(version))
	var out []byte
	for e := m.met.Front(); e != nil; e = e.Next() {
		l := e.Value.(*lane)
		age := max(0, dayNumber(day)-l.day)
		if age > Days {
			continue
		}
		text, whole := l.fit(byte(age), left-len(out))
		if out = append(out, text...); !whole {
			m.forgotten++
		}
	}
	if len(out) == 0 {
		return ""
	}
	return version + base64.RawURLEncoding.EncodeToString(out)
}

// fit encodes the lane with as many of its highest runs as fit into room; none: nothing.
func (l *lane) fit(age byte, room int) (text []byte, whole bool) {
	skip := sort.Search(len(l.settled), func(skip int) bool {
		text := encode(l.Lane, age, l.settled[skip:], room)
		return text != nil
	})
	if skip == len(l.settled) {
		return nil, false
	}
	return encode(l.Lane, age, l.settled[skip:], room), skip == 0
}

// encode returns nil if the lane does not fit into room.
func encode(name identity.Lane, age byte, runs set, room int) []byte {
	out := make([]byte, 0, 64)
	out = binary.BigEndian.AppendUint64(out, name.Run)
	out = binary.BigEndian.AppendUint64(out, name.Word)
	head := len(out)
	out = append(out, age)
	out = appendRun(out, runs[0].first, runs[0])
	if rest := runs[1:]; len(rest) > 0 {
		form, more := formRuns, appendRuns(nil, runs, room)
		if bitmap := appendBitmap(nil, runs, min(room, len(more))); bitmap != nil {
			form, more = formBitmap, bitmap
		}
		out[head] |= form
		out = append(out, more...)
	}
	if len(out) > room {
		return nil
	}
	return out
}

func appendRun(out []byte, gap uint64, r run) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(out, gap), r.last-r.first)
}

// appendRuns appends all runs but the first. It stops when they are too many anyway.
func appendRuns(out []byte, runs set, room int) []byte {
	out = binary.AppendUvarint(out, uint64(len(runs)-1))
	for i := 1; i < len(runs) && len(out) <= room; i++ {
		out = appendRun(out, runs[i].first-runs[i-1].last-2, runs[i])
	}
	return out
}

// appendBitmap appends the same as bits. It returns nil if that is not shorter than limit.
func appendBitmap(out []byte, runs set, limit int) []byte {
	base, end := runs[0].last+1, runs[len(runs)-1].last
	if (end-base)/8 >= uint64(max(0, limit)) {
		return nil
	}
	bitmap := make([]byte, (end-base)/8+1)
	for _, r := range runs[1:] {
		for n := r.first - base; n <= r.last-base; n++ {
			bitmap[n/8] |= 1 << (n % 8)
		}
	}
	out = append(binary.AppendUvarint(out, uint64(len(bitmap))), bitmap...)
	if len(out) >= limit {
		return nil
	}
	return out
}

// Read returns the memory of a link that names day as the next one, from the text that the link has. A text that is absent, or
// is not as [Memory.Text] writes it, is one of an empty memory.
func Read(text, day string) *Memory {
	m := New(day)
	if len(text) < len(version) || text[:len(version)] != version {
		return m
	}
	encoded, err := base64.RawURLEncoding.DecodeString(text[len(version):])
	in := &reader{rest: encoded, bad: err != nil}
	for len(in.rest) > 0 && !in.bad {
		l := in.lane(m.day)
		in.bad = in.bad || !m.append(l)
	}
	if in.bad {
		return New(day)
	}
	m.bound()
	m.told, m.forgotten = false, 0
	return m
}

// reader reads what encode has written. bad: it is something else.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) lane(day int) *lane {
	name := identity.Lane{Run: r.word(), Word: r.word()}
	head := r.bytes(1)[0]
	age, form := head&ageMask, head&^ageMask
	l := &lane{Lane: name, day: day - int(age)}
	r.bad = r.bad || age > Days
	r.run(l, r.number())
	switch form {
	case formNone:
	case formRuns:
		for n := r.number(); n > 0 && !r.bad; n-- {
			r.runAfter(l, r.number())
		}
	case formBitmap:
		r.bitmap(l)
	default:
		r.bad = true
	}
	return l
}

// runAfter reads a run that begins so many numbers, and one, after the one before.
func (r *reader) runAfter(l *lane, gap uint64) {
	last := l.settled[len(l.settled)-1].last
	if r.bad = r.bad || last > math.MaxUint64-2 || gap > math.MaxUint64-2-last; !r.bad {
		r.run(l, last+2+gap)
	}
}

// run reads the length of a run. Numbers begin with 1.
func (r *reader) run(l *lane, first uint64) {
	length := r.number()
	r.bad = r.bad || first == 0 || length > math.MaxUint64-first
	l.settled = append(l.settled, run{first, first + length})
}

func (r *reader) bitmap(l *lane) {
	first := l.settled[0].last
	bitmap := r.bytes(r.number())
	if r.bad = r.bad || first > math.MaxUint64-uint64(len(bitmap))*8; r.bad {
		return
	}
	for i, b := range bitmap {
		for ; b != 0; b &= b - 1 {
			l.settled.add(first + 1 + uint64(i*8+bits.TrailingZeros8(b)))
		}
	}
}

func (r *reader) word() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad = r.bad || size <= 0; r.bad {
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// bytes never returns fewer than eight if it is asked for that few.
func (r *reader) bytes(n uint64) []byte {
	if r.bad = r.bad || n > uint64(len(r.rest)); r.bad {
		return make([]byte, 8)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}
