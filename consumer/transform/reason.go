package transform

import (
	"slices"

	"example.com/callevents/shared/kpl"
)

// Reason says why a record cannot be warehoused; the zero value means that it can. The list is closed: reasons are
// metric labels, stand in dead letters, and are what a person filters a redrive by.
type Reason string

// Reasons found in the record itself.
const (
	NotJSON          Reason = "not_json"            // no JSON document, or something before or after it
	InvalidUTF8      Reason = "invalid_utf8"        // JSON in form, but with strings that are no text: bytes that are not UTF-8, half a surrogate pair
	TooDeep          Reason = "too_deep"            // nested deeper than MaxDepth
	DuplicateName    Reason = "duplicate_name"      // a name twice in one object, exactly or but for case
	NoUserID         Reason = "no_user_id"          // no user object at the top, or none with a user_id
	UserIDNotInteger Reason = "user_id_not_integer" // neither an integer inside int64 nor a string that spells one
)

// Reasons found while the containers of the Kinesis Producer Library are taken apart; package kpl explains them.
const (
	ContainerMalformed = Reason(kpl.BadProtobuf)
	ContainerEmpty     = Reason(kpl.Empty)
	ContainerNested    = Reason(kpl.Nested)
	NoPartitionKey     = Reason(kpl.NoPartitionKey)
	BadHashKey         = Reason(kpl.BadHashKey)
	OutsideShard       = Reason(kpl.OutsideShard)
	// SuspectedCopy: an event that the producer sent as a first one, and that is settled. The first attempt was applied after
	// a later one, or somebody uses the identities of another producer.
	SuspectedCopy Reason = "suspected_copy"
	// ContainerOverflow: so many user records are rejected that one by one they would be too much for an object. The
	// container is kept as a whole, good user records included; a redrive takes it apart.
	ContainerOverflow Reason = "container_overflow"
)

// Reasons returns every reason there is, for metrics that start at zero and for checking what a person typed.
func Reasons() []Reason {
	return []Reason{
		NotJSON, InvalidUTF8, TooDeep, DuplicateName, NoUserID, UserIDNotInteger,
		ContainerMalformed, ContainerEmpty, ContainerNested, NoPartitionKey, BadHashKey, OutsideShard, ContainerOverflow, SuspectedCopy,
	}
}

// Known reports whether r is one of [Reasons].
func (r Reason) Known() bool { return slices.Contains(Reasons(), r) }
