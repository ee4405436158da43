// Package generate makes random call events. Every value is within its range; the timestamp is the present.
//
// A seed makes a run repeatable: the n-th events of two generators with the same seed differ in their timestamps only.
// The package knows nothing about streams.
package generate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/callevents/shared/event"
)

// sizeBytes is enough for any generated event: they have 1,040 to 1,090 bytes.
const sizeBytes = 1152

// Generator is a source of events without an end. One goroutine may use it at a time.
type Generator struct {
	parts  []part
	random *rand.Rand
	now    func() time.Time
}

// New returns a generator for the seed. now is the clock for the timestamps.
func New(seed uint64, now func() time.Time) (*Generator, error) {
	parts, err := compile(event.Template)
	if err != nil {
		return nil, fmt.Errorf("compile event template: %w", err)
	}
	return &Generator{parts: parts, random: rand.New(rand.NewPCG(seed, 0)), now: now}, nil
}

// Append appends the next event's JSON to dst. It allocates nothing if dst has room.
func (g *Generator) Append(dst []byte) []byte {
	for _, p := range g.parts {
		dst = p.value(g, append(dst, p.text...))
	}
	return dst
}

// Next returns the next event. The error is always nil.
func (g *Generator) Next(context.Context) (event.Event, error) {
	json := g.Append(make([]byte, 0, sizeBytes))
	id := len(g.parts[0].text) // the call_id is the template's first value
	return event.Event{CallID: string(json[id : id+36]), JSON: json}, nil
}
