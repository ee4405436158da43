package lease

// What the tests' in-memory table needs to follow the contract of [Table].

// Apply returns r as a write of s leaves it.
func (s Set) Apply(r Row) Row { return s.apply(r) }

// SameVersion reports whether nobody wrote the row between the two reads.
func (r Row) SameVersion(other Row) bool { return r.version() == other.version() }
