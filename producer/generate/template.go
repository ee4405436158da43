package generate

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	upperAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// part is a piece of the template: fixed text, then one random value. The last part has no value.
type part struct {
	text  string
	value func(g *Generator, dst []byte) []byte
}

// compile splits a template, in the notation of event.Template, into its parts.
func compile(template string) ([]part, error) {
	var parts []part
	for {
		text, rest, found := strings.Cut(template, "<")
		if !found {
			return append(parts, part{text: text, value: func(_ *Generator, dst []byte) []byte { return dst }}), nil
		}
		notation, after, closed := strings.Cut(rest, ">")
		value, err := parse(notation)
		if !closed || err != nil {
			return nil, fmt.Errorf("value <%.40s: not in the template's notation", rest)
		}
		parts, template = append(parts, part{text, value}), after
	}
}

func parse(notation string) (func(*Generator, []byte) []byte, error) {
	switch notation {
	case "uuid":
		return func(g *Generator, dst []byte) []byte { return appendUUID(dst, g.random) }, nil
	case "millis":
		return func(g *Generator, dst []byte) []byte { return strconv.AppendInt(dst, g.now().UnixMilli(), 10) }, nil
	case "d.d.d":
		return func(g *Generator, dst []byte) []byte {
			n := g.random.Uint64N(1000)
			return append(dst, byte('0'+n/100), '.', byte('0'+n/10%10), '.', byte('0'+n%10))
		}, nil
	}
	if alternatives := strings.Split(notation, "|"); len(alternatives) > 1 {
		return func(g *Generator, dst []byte) []byte {
			return append(dst, alternatives[g.random.IntN(len(alternatives))]...)
		}, nil
	}
	if low, high, found := strings.Cut(notation, ".."); found {
		return parseNumber(low, high)
	}
	if count, set, found := strings.Cut(notation, "*"); found {
		return parseText(count, set)
	}
	return nil, strconv.ErrSyntax
}

func parseNumber(low, high string) (func(*Generator, []byte) []byte, error) {
	from, err := strconv.Atoi(low)
	if err != nil {
		return nil, err
	}
	to, err := strconv.Atoi(high)
	if err != nil || to < from {
		return nil, strconv.ErrSyntax
	}
	return func(g *Generator, dst []byte) []byte {
		return strconv.AppendInt(dst, int64(from+g.random.IntN(to-from+1)), 10)
	}, nil
}

func parseText(count, set string) (func(*Generator, []byte) []byte, error) {
	n, err := strconv.Atoi(count)
	alphabet := map[string]string{"a-z0-9": lowerAndDigits, "A-Z0-9": upperAndDigits}[set]
	if err != nil || alphabet == "" {
		return nil, strconv.ErrSyntax
	}
	return func(g *Generator, dst []byte) []byte { return appendText(dst, g.random, n, alphabet) }, nil
}

// appendText appends n random characters of the alphabet. It multiplies a random fraction of 64 bits by the size of the
// alphabet. The integer part chooses a character; the remaining fraction chooses the next. After 8 characters of 36 the
// fraction has more than 22 bits left, so the probabilities of two characters differ by less than one in four million.
func appendText(dst []byte, random *rand.Rand, n int, alphabet string) []byte {
	for ; n > 0; n -= 8 {
		fraction := random.Uint64()
		for range min(n, 8) {
			var i uint64
			i, fraction = bits.Mul64(fraction, uint64(len(alphabet)))
			dst = append(dst, alphabet[i])
		}
	}
	return dst
}

// appendUUID appends a version 4 UUID (RFC 9562, section 5.4).
func appendUUID(dst []byte, random *rand.Rand) []byte {
	const hex = "0123456789abcdef"
	hi, lo := random.Uint64()&^0xf000|0x4000, random.Uint64()&^(3<<62)|1<<63
	var plain [32]byte
	for i := range 16 {
		plain[i], plain[16+i] = hex[hi>>(60-4*i)&15], hex[lo>>(60-4*i)&15]
	}
	for _, part := range [][]byte{plain[:8], plain[8:12], plain[12:16], plain[16:20]} {
		dst = append(append(dst, part...), '-')
	}
	return append(dst, plain[20:]...)
}
