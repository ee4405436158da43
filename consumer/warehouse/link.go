package warehouse

import "example.com/callevents/shared/sequence"

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

	// ByIdentity: its writer dropped copies of events that were settled. Older writers store every copy.
	ByIdentity bool
	Copies     int    // so many
	Memory     string // which events are settled after the last record; opaque here. Empty: none is known to be

	// Before is the link before. Only a link names it whose dead letters depend on the memory of that one. The zero value: none.
	Before Name
}

// Name says which object the link is.
func (l Link) Name() Name { return Name{l.Location, l.Place, l.Format} }

// Same reports whether other says the same of the same records. The writer is for people.
func (l Link) Same(other Link) bool {
	other.Writer = l.Writer
	return l == other
}

// Next returns the place of the link after l.
func (l Link) Next() Place { return Place{Shard: l.Shard, Previous: l.Last, Day: l.NextDay} }

// Key returns the name of the object.
func (l Link) Key() string { return l.Name().Key() }
