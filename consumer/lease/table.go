package lease

import (
	"context"
	"errors"
)

// Table stores the rows of one application. All methods are safe for concurrent use and bounded by their context. A write
// that returns nil is durable and visible to every later consistent read.
type Table interface {
	// Create makes the table and its application row where they are absent, and waits until it can be used.
	Create(ctx context.Context) error
	// Get reads rows. A row that is not in the table has an empty Item in the answer. A key that the answer lacks is no
	// news: the table was too busy to read that row. Reads that are not consistent may show an older state, of each row
	// another one.
	Get(ctx context.Context, consistent bool, keys ...string) (map[string]Item, error)
	// Scan reads all rows, those of shards and all others, consistently. Not atomic over several rows.
	Scan(ctx context.Context) ([]Item, error)
	// Update makes one conditional write. It returns the row as the write leaves it.
	Update(ctx context.Context, w Write) (Item, error)
	// Delete removes the row, if the conditions hold. Repeating it is harmless.
	Delete(ctx context.Context, key string, conditions ...Condition) error
}

// Errors of a [Table]. Every other error of a write means that its outcome is unknown.
var (
	ErrRefused      = errors.New("the lease row has changed since it was read")
	ErrTableMissing = errors.New("the lease table does not exist")
)

// Item is one row: its attributes by name. A value is a string, an int64, a []byte, or a []string, which is a set and sorted.
type Item map[string]any

// Write changes one row. It makes the row if it is absent and the conditions allow that.
type Write struct {
	Key string
	If  []Condition
	// Set gives attributes new values. The empty string removes an attribute.
	Set Item
	// Add adds an int64 to a number, or names to a set. What is absent counts as zero, or as empty.
	Add Item
	// Drop takes names out of a set.
	Drop Item
}

// Condition is what must hold for a write to be applied.
type Condition struct {
	Kind  ConditionKind
	Name  string // of the attribute
	Value any
}

// ConditionKind is a kind of condition.
type ConditionKind int

// The kinds of conditions.
const (
	Equals   ConditionKind = iota // the attribute has the value; a zero value: it is absent or empty
	Contains                      // the set contains the name
	Lacks                         // the set does not contain the name, or is absent
	Present                       // the row is there
	Absent                        // the row is not there
)

func equals(name string, value any) Condition { return Condition{Equals, name, value} }

// text, number, names and binary return the attribute, zero if it is absent or of another type.

func (i Item) text(name string) string {
	s, _ := i[name].(string)
	return s
}

func (i Item) number(name string) int64 {
	n, _ := i[name].(int64)
	return n
}

func (i Item) names(name string) []string {
	s, _ := i[name].([]string)
	return s
}

func (i Item) binary(name string) []byte {
	b, _ := i[name].([]byte)
	return b
}

// key returns the row's key.
func (i Item) key() string { return i.text(attrShardID) }
