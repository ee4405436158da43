package warehouse_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
)

// slowLine is a client whose bodies take their time.
type slowLine struct {
	warehouse.Client
	bytesPerSecond int
	cut            int // requests that ran into their deadline
}

func (l *slowLine) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	n, err := io.Copy(io.Discard, in.Body)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(l.bytesPerSecond)):
		return &s3.PutObjectOutput{}, nil
	case <-ctx.Done():
		l.cut++
		return nil, ctx.Err()
	}
}

// trust is how much of the trust window is left when a request starts, with the default lease of 10 s.
const trust = 5 * time.Second

// A request had half a lease duration. Seen to be cut and sent again for ever at 1.4 MB/s.
func TestALargeObjectGetsThroughASlowLine(t *testing.T) {
	const size = 8 << 20
	for name, c := range map[string]struct{ bytesPerSecond, cut int }{
		"1.4 MB/s":  {1_400_000, 0},
		"256 KiB/s": {256 << 10, 0},
		"64 KiB/s":  {64 << 10, 2},
		"20 KiB/s":  {20 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := &slowLine{bytesPerSecond: c.bytesPerSecond}
				s := slowStore(line)
				b := s.NewBatch()
				b.Begin(place("100"))
				b.Append("101")
				if err := b.AddLine([]byte(strings.Repeat("x", size-1) + "\n")); err != nil {
					t.Fatal(err)
				}
				if err := b.AddDeadLetter(warehouse.DeadLetter{Data: make([]byte, size*3/4)}); err != nil {
					t.Fatal(err)
				}
				if err := b.Seal(day); err != nil {
					t.Fatal(err)
				}
				outcome, attempts := warehouse.Unknown, 0
				for ; outcome != warehouse.Done && attempts < 20; attempts++ {
					outcome, _ = s.Create(t.Context(), time.Now().Add(trust), b)
				}
				if outcome != warehouse.Done || line.cut != c.cut {
					t.Errorf("%s after %d attempts, %d cut, want %d", outcome, attempts, line.cut, c.cut)
				}
				line.cut = 0
				err := errors.New("not tried")
				for attempt := 1; err != nil && attempt < 20; attempt++ {
					err = s.PutDeadLetters(t.Context(), s.Link(b), b, attempt)
				}
				if err != nil || line.cut != c.cut {
					t.Errorf("dead letters: %v, %d cut, want %d", err, line.cut, c.cut)
				}
			})
		})
	}
}

// Nothing waits for ever: neither for an answer that never comes, nor beyond the end of the lease.
func TestARequestWithoutAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowStore(&slowLine{bytesPerSecond: 1})
		b := batch(t, s, place("100"), day, "101", "102", "103")
		started := time.Now()
		if outcome, err := s.Create(t.Context(), time.Now().Add(trust), b); outcome != warehouse.Unknown || err == nil {
			t.Errorf("%s, %v", outcome, err)
		}
		if took := time.Since(started); took > 16*time.Second {
			t.Errorf("a small request took %v", took)
		}
		lost, lose := context.WithTimeout(t.Context(), time.Second)
		defer lose()
		started = time.Now()
		if outcome, err := s.Create(lost, time.Now().Add(trust), b); outcome != warehouse.Unknown || err == nil {
			t.Errorf("%s, %v", outcome, err)
		}
		if took := time.Since(started); took != time.Second {
			t.Errorf("the lease was lost after a second, the request took %v", took)
		}
	})
}

func slowStore(line *slowLine) *warehouse.Store {
	s, _ := server{bucket: "b"}.store(line, func(c *warehouse.Config) { c.Timeout = 0 })
	return s
}
