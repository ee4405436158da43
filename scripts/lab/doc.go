// Package lab is the root of a module that tests the two programs from outside: with random faults (chaos), beside other
// programs (bench, with the consumer in stock and the producer in loop), with a query engine (duckdb), and against the
// library of the Kinesis Producer Library's format (kpl). It is a module of its own, so that the programs require nothing
// that only these need. It also pins the linter that scripts/lint.sh runs.
package lab
