package warehouse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/callevents/shared/sequence"
)

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
	if l.ByIdentity {
		m["copies"] = strconv.Itoa(l.Copies)
	}
	if l.Memory != "" {
		m["memory"] = l.Memory
	}
	if l.Before != (Name{}) {
		m["before"] = l.textOfBefore()
	}
	return m
}

// metadataPrefix stands before each key on the wire. S3 does not say whether it counts as metadata, so it does here.
const metadataPrefix = "x-amz-meta-"

// room is how many bytes the link's memory may have; below zero, the metadata is too large without one.
func (l Link) room() int {
	left := maxMetadataBytes - len(metadataPrefix+"memory")
	for key, value := range l.metadata() {
		left -= len(metadataPrefix) + len(key) + len(value)
	}
	return left
}

// textOfBefore is what the metadata says of Before. The shard is the link's own; the location is told only if it is another one.
func (l Link) textOfBefore() string {
	text := l.Before.Previous.String() + " " + l.Before.Day + " " + string(l.Before.Format)
	if l.Before.Location != l.Location {
		text += " " + l.Before.Location.String()
	}
	return text
}

func (p *metadataParser) before(link Link) (before Name) {
	text, ok := p.find("before")
	if !ok {
		return Name{}
	}
	fields := strings.SplitN(text, " ", 4)
	before = Name{Location: link.Location, Place: Place{Shard: link.Shard}}
	var err error
	if len(fields) == 4 {
		before.Location, err = ParseLocation(fields[3])
		p.fail("before", err)
	}
	if len(fields) < 3 {
		p.fail("before", errors.New("not <previous> <day> <format>"))
		return Name{}
	}
	before.Previous, err = sequence.Parse(fields[0])
	p.fail("before", err)
	before.Day, before.Format = fields[1], Format(fields[2])
	return before
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
	if _, l.ByIdentity = p.find("copies"); l.ByIdentity {
		l.Copies = p.count("copies")
	}
	l.Memory, _ = p.find("memory")
	l.Before = p.before(l)
	switch {
	case p.err != nil:
		return Link{}, p.err
	case l.Place != place || l.Format != format:
		return Link{}, fmt.Errorf("metadata is of shard %s after %s in %s: the object was copied or renamed",
			l.Shard, l.Previous, l.Format)
	case l.First.IsZero() && (l.Last != l.Previous || l.NextDay <= l.Day || max(l.Records, l.Rejected, l.Copies) > 0),
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
