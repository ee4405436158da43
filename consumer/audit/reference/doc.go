// Package reference says what a record of the stream should have become: the lines, the rows of Parquet objects and the
// dead letters that an audit expects. It is a second implementation of what packages transform, kpl, pipeline and
// warehouse promise. It imports none of them, so that it cannot repeat their mistakes.
//
// It is naive on purpose: it allocates, reads everything several times, and takes its JSON from encoding/json. Nobody
// waits for it.
//
// The promises stand in the docs of those packages, with their reasons. The tests here want the same of both
// implementations, for every string in the tests of the first one and for random records and containers.
//
// The package is pure: no I/O, no state, safe for concurrent use.
package reference
