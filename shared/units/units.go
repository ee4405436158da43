// Package units has the sizes and durations of both command lines.
//
// A size is a number of bytes. MB and the like are powers of ten, MiB and the like powers of two. A duration is as in Go,
// and may begin with days: 30d, 1d12h.
package units

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/alecthomas/units"
)

// Bytes is a size as the type of a flag.
type Bytes int64

// Powers of two.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

func sizes() map[string]float64 {
	return map[string]float64{"": 1, "B": 1,
		"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
}

// UnmarshalText reads a size: 8388608, 8MB, 8MiB, 1.5GiB.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := units.ParseUnit(string(text), sizes())
	if err != nil {
		return fmt.Errorf("size %q: use bytes, such as 8388608, or 8MB (10^6) or 8MiB (2^20)", text)
	}
	*b = Bytes(n)
	return nil
}

// MarshalText writes the size as UnmarshalText reads it.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String is the shortest exact size.
func (b Bytes) String() string {
	shortest := strconv.FormatInt(int64(b), 10)
	for unit, factor := range sizes() {
		f := int64(factor)
		if unit == "" || b == 0 || int64(b)%f != 0 {
			continue
		}
		text := strconv.FormatInt(int64(b)/f, 10) + unit
		if f > 1 && (len(text) < len(shortest) || (len(text) == len(shortest) && text < shortest)) {
			shortest = text
		}
	}
	return shortest
}

const day = 24 * time.Hour

// ParseDuration reads a duration as time.ParseDuration does, with days before it or alone.
func ParseDuration(text string) (time.Duration, error) {
	number, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(number, 10, 32)
	if err != nil || days > math.MaxInt64/uint64(day) {
		return 0, fmt.Errorf("duration %q: use 90s, 2h30m, 30d or 1d12h", text)
	}
	total := time.Duration(days) * day
	if rest == "" {
		return total, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") || total+more < total {
		return 0, fmt.Errorf("duration %q: use 90s, 2h30m, 30d or 1d12h", text)
	}
	return total + more, nil
}

// Durations is an option of a parser: all of its flags of type time.Duration are read by ParseDuration.
func Durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		target.SetInt(int64(d))
		return nil
	}))
}
