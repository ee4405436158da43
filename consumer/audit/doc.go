// Package audit reads a warehouse from end to end and reports what is in it, what is wrong, and what it could not check.
//
// It trusts nothing: neither the objects' metadata, nor their content, nor that they belong together, nor the program
// that wrote them. What a record of the stream should have become comes from package reference, a second
// implementation. Of the audited code it uses the names and the metadata of the objects and the form of a dead letter,
// no more; [TestTheAuditedCodeIsNotImported] keeps it so.
//
// # What is compared
//
//	the objects with each other  chains, counts, form of the lines, dead letters, records that are there twice
//	with a producer's ledger     lost records, order, place; what a producer may have put twice is no duplicate
//	with the stream              the same records, as often, in the same order, in the partition of their day: lines byte
//	                             by byte, Parquet column by column, dead letters with all that they say
//	with the lease table         the ends of the chains: no checkpoint is ahead of one
//
// More to compare with never makes an audit weaker. A record that is there twice is a duplicate, unless the ledger
// accounts for it or the stream has every copy where it is.
//
// Copies that a producer sent again are told by their identities in the stream. One whose event a link has is to be dropped, and
// is a duplicate if it is there. A first send is never to be dropped: if a link has its event, it is to be a suspected copy. If the
// stream does not hold the first copy any more, some object must have the event. Nothing of it is taken from the metadata, and what
// that says of copies is checked. The memory in the metadata is not: what it knows wrongly shows with the next copy.
//
// # The verdict
//
// A figure that nobody looked at is no zero. It has a [Coverage] instead, such as 3 of 8 links, and the verdict is
// [Well] only if all coverages are complete. So it takes the stream, with all records that the chains have, and the lease
// table. Anything less is [Unchecked] at best. TestNoRandomDamagePassesAsWell tries it.
//
// A chain whose beginning is gone is no fault: a lifecycle rule deletes what is old. It is told, and it is not checked.
// It is a loss if the stream still holds the records. A chain of which no link is left counts as removed if its last day is
// before all days that are left; else its checkpoint shows that it is missing. A chain that left neither link nor
// checkpoint nor record leaves no trace.
//
// # What it does not do
//
// An audit only reads. The comparison with the stream reaches as far as its retention. It is for an application that
// started at TRIM_HORIZON: one that started later does not have what lies before. The writer in a link's metadata is for
// people and not checked. SHARD_END does not say where the shard ended: only the stream can tell whether the last link
// of that day is there.
//
// A warehouse that is being written to may look faulty at its tips. Run an audit when the consumers have stopped, and
// after a crash when they have run again.
//
// Objects are streamed, a few at a time, and judged in the order of their keys, which is the order of the chains. A Parquet
// object is held as a whole. Of a record an audit keeps a 64-bit hash of its call_id and, with a ledger, its place: a million
// records fit in 110 MB, with a ledger in 350, garbage included.
package audit
