// Package pipeline carries the records of one shard into its chain of objects:
//
//	page -> de-aggregate -> settled? -> transform -> batch -> link -> dead letters -> checkpoint
//	pipeline.go: one page, record by record    judge.go: one record    settled.go: which events are known
//	commit.go: one link                        checkpoint.go: its checkpoint
//
// Package warehouse tells the rules of the chain. This package adds where a batch ends, and plays the rules.
//
// A batch ends when it has reached a number of bytes or records, when its first record is old enough, when a record
// of a later day comes, or when the shard is drained. It never ends inside one Kinesis sequence number: the user records
// of a container share it. No other writer needs to cut at the same place, because a link's place does not depend on it.
//
// A batch's age counts from when its first record was read. Once a page has reached the tip of the shard, it counts from
// that record's arrival. So what arrives is stored soon, and what is caught up with is stored in large objects.
//
// What always holds:
//   - Records are added in the order of their sequence numbers, each at most once. A record that is not after the last
//     one is dropped.
//   - While the outcome of a commit is unknown, no record is added and no page is read. A store that is slow or away
//     costs no memory.
//   - A shard holds one batch, compressed, and the dead letters of that batch: at most FlushBytes and one record, plus
//     the encoder. The dead letters of one record are bounded too.
//   - An error loses nothing that the chain and the stream have. The next owner of the lease starts from them.
//   - A record is dropped only if its producer marked it as sent again and its event is settled: a line or a dead letter of this
//     chain, or of an ancestor's. A first send of a settled event is a dead letter. What is not known to be settled is stored.
//   - What is settled comes from the link before the batch, together with the position, and is in the batch's link. So two
//     writers behind one link know the same. If they do not, since one could not read it, their links differ, and one is adopted.
//
// A link of another writer at the batch's place is adopted: the batch is dropped as a whole, and reading goes on behind
// that link. Merging the two would save reading again what both have, which is rare and cheap.
//
// The package neither reads from Kinesis nor owns a lease, and starts no goroutine.
package pipeline
