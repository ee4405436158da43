package warehouse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/callevents/shared/sequence"
)

// Link is one object of a shard's chain: where it lies, its place in the chain, and what its metadata says.
//
// A link with records has First and Last set, and Last is after Previous. Records counts the lines, Rejected the dead
// letters; either may be zero. A link without records only changes the day: First is zero, Last is Previous, and
// NextDay is later than Day. The first link of a shard is one, and a link between two days is if the batch was empty
// when the day changed.
type Link struct {
	Location
	Place

	Application string
	Stream      string // identity of the stream, opaque here
	First, Last sequence.Number
	NextDay     string // the day of the link after this one
	Records     int    // lines in the object
	Rejected    int    // entries in the dead letters of this link
	DeadLetters string // their key, in the same bucket; empty if Rejected is zero
	Format      Format
	Writer      string // worker that made it; for people

	// AnyShard: the stream distributed records itself when the link was made, so no user record was outside its shard.
	AnyShard bool
}

// Next returns the place of the link after l.
func (l Link) Next() Place { return Place{Shard: l.Shard, Previous: l.Last, Day: l.NextDay} }

// Key returns the name of the object.
func (l Link) Key() string { return l.Place.Key(l.Prefix, l.Format) }

// metadata is stored with the object, as x-amz-meta-<key>. The day is in the key only.
func (l Link) metadata() map[string]string {
	m := map[string]string{
		"application": l.Application,
		"stream":      l.Stream,
		"shard":       l.Shard,
		"previous":    l.Previous.String(),
		"last":        l.Last.String(),
		"next-day":    l.NextDay,
		"records":     strconv.Itoa(l.Records),
		"rejected":    strconv.Itoa(l.Rejected),
		"format":      string(l.Format),
		"writer":      l.Writer,
	}
	if !l.First.IsZero() {
		m["first"] = l.First.String()
	}
	if l.Rejected > 0 {
		m["dead-letters"] = l.DeadLetters
	}
	if l.AnyShard {
		m["any-shard"] = "true"
	}
	return m
}

// ReadLink makes a link of the key and metadata of an object at a location.
func ReadLink(at Location, key string, metadata map[string]string) (Link, error) {
	place, format, err := ParseKey(at.Prefix, key)
	if err != nil {
		return Link{}, err
	}
	return parseLink(at, place, format, metadata)
}

// parseLink makes a link of an object's place and metadata. The metadata must agree with the place and with itself: a
// copied or foreign object is no link.
func parseLink(at Location, place Place, format Format, metadata map[string]string) (Link, error) {
	p := metadataParser{values: metadata}
	l := Link{
		Location:    at,
		Place:       Place{Shard: p.text("shard"), Previous: p.number("previous"), Day: place.Day},
		Application: p.text("application"),
		Stream:      p.text("stream"),
		Last:        p.number("last"),
		NextDay:     p.day("next-day"),
		Records:     p.count("records"),
		Rejected:    p.count("rejected"),
		Format:      Format(p.text("format")),
		Writer:      p.text("writer"),
	}
	if _, ok := p.find("first"); ok {
		l.First = p.number("first")
	}
	if l.Rejected > 0 {
		l.DeadLetters = p.text("dead-letters")
	}
	_, l.AnyShard = p.find("any-shard")
	switch {
	case p.err != nil:
		return Link{}, p.err
	case l.Place != place || l.Format != format:
		return Link{}, fmt.Errorf("metadata is of shard %s after %s in %s: the object was copied or renamed",
			l.Shard, l.Previous, l.Format)
	case l.First.IsZero() && (l.Last != l.Previous || l.NextDay <= l.Day || max(l.Records, l.Rejected) > 0),
		!l.First.IsZero() && (!l.First.After(l.Previous) || l.First.After(l.Last) || l.NextDay < l.Day):
		return Link{}, errors.New("metadata contradicts itself")
	}
	return l, nil
}

// metadataParser keeps the first error.
type metadataParser struct {
	values map[string]string
	err    error
}

// find does not care for case: some stores change it.
func (p *metadataParser) find(key string) (string, bool) {
	if v, ok := p.values[key]; ok {
		return v, true
	}
	for k, v := range p.values {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}

func (p *metadataParser) text(key string) string {
	v, ok := p.find(key)
	if !ok {
		p.fail(key, errors.New("absent"))
	}
	return v
}

func (p *metadataParser) number(key string) sequence.Number {
	n, err := sequence.Parse(p.text(key))
	p.fail(key, err)
	return n
}

func (p *metadataParser) count(key string) int {
	n, err := strconv.ParseUint(p.text(key), 10, strconv.IntSize-1) // an int, and not negative
	p.fail(key, err)
	return int(n)
}

func (p *metadataParser) day(key string) string {
	day := p.text(key)
	_, err := time.Parse(time.DateOnly, day)
	p.fail(key, err)
	return day
}

func (p *metadataParser) fail(key string, err error) {
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("metadata %s: %w", key, err)
	}
}
