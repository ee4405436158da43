// Package audit reads a warehouse from end to end and reports what is in it and what is wrong.
//
// It trusts nothing: neither the objects' metadata, nor their content, nor that they belong together, nor the program
// that wrote them. What a record of the stream should have become comes from package reference, a second
// implementation. Of the audited code it uses the names and the metadata of the objects and the form of a dead letter,
// no more; [TestTheAuditedCodeIsNotImported] keeps it so.
//
// Three things can be compared:
//
//	the objects with each other    chains, counts, form of the lines, dead letters, records that are there twice
//	with a producer's ledger       lost records, order, place; what a producer may have put twice is no duplicate
//	with the stream                the same records, as often, in the same order, byte by byte; of Parquet, which does
//	                               not keep the text, only the call_ids
//
// An audit only reads. It does not look at the lease table, and it judges dead letters by their number and place, not by
// their content.
//
// The comparison with the stream reaches as far as its retention. It is for an application that started at
// TRIM_HORIZON: one that started later does not have what lies before.
//
// A warehouse that is being written to may look faulty at its tips. Run an audit when the consumers have stopped, and
// after a crash when they have run again.
//
// Objects are streamed, a few at a time, and judged in the order of their keys, which is the order of the chains. Of a
// record an audit keeps a 64-bit hash of its call_id and, with a ledger, its place: a million records fit in 80 MB,
// with a ledger in 250.
package audit
