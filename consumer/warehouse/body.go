package warehouse

import (
	"errors"
	"io"
)

// blockBytes is the unit in which a body grows. It is small against a batch, so a body takes little more than it holds.
const blockBytes = 256 << 10

// body is an object in the making. It grows without copying and keeps its memory when it is emptied.
type body struct {
	blocks [][]byte // all of blockBytes
	size   int
}

// Write appends p; it never fails.
func (b *body) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if b.size == len(b.blocks)*blockBytes {
			b.blocks = append(b.blocks, make([]byte, blockBytes))
		}
		n := copy(b.blocks[b.size/blockBytes][b.size%blockBytes:], rest)
		b.size += n
		rest = rest[n:]
	}
	return len(p), nil
}

// Len is the number of bytes written.
func (b *body) Len() int { return b.size }

// Reset empties the body.
func (b *body) Reset() { b.size = 0 }

// Reader reads the body from its beginning, as often as it is sent. The body must not change meanwhile.
func (b *body) Reader() *bodyReader { return &bodyReader{body: b} }

type bodyReader struct {
	body *body
	at   int
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.at >= r.body.size {
		return 0, io.EOF
	}
	block := r.body.blocks[r.at/blockBytes]
	end := min(blockBytes, r.body.size-r.at/blockBytes*blockBytes)
	n := copy(p, block[r.at%blockBytes:end])
	r.at += n
	return n, nil
}

// read reports whether the body was read to its end.
func (r *bodyReader) read() bool { return r.at >= r.body.size }

func (r *bodyReader) Seek(offset int64, whence int) (int64, error) {
	at := int(offset)
	switch whence {
	case io.SeekCurrent:
		at += r.at
	case io.SeekEnd:
		at += r.body.size
	}
	if at < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.at = at
	return int64(at), nil
}
