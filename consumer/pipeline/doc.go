// Package pipeline carries the records of one shard into its chain of objects:
//
//	page -> de-aggregate -> transform -> batch -> link -> dead letters -> checkpoint
//
// Package warehouse tells the protocol of the chain. What this package adds is where a batch ends, and what happens
// to it then.
//
// A batch ends when it has reached a number of bytes or records, when its first record is old enough, when a record
// of a later day comes, or when the shard is handed over. It never ends inside one Kinesis sequence number: a
// container's user records share it. Nobody else needs to cut at the same place, because the place does not depend
// on it.
//
// What always holds:
//   - Records are taken in the order of their sequence numbers, each at most once: whatever is not after the last
//     one taken is dropped.
//   - While the outcome of a commit is unknown, no record is taken and no page is read: a store that is slow or away
//     costs no memory.
//   - A shard holds one batch, compressed, and the dead letters of that batch: at most FlushBytes and one record,
//     plus the encoder. The dead letters of one record are bounded, too, whatever is in it.
//   - After an error nothing is lost that the chain and the stream do not have: the next owner of the lease starts
//     from them.
//
// A link of another writer that is found where the batch should go is adopted: the batch is dropped as a whole and
// reading goes on after that link. Merging would save reading again what both have read, which is rare and cheap.
//
// The package neither reads from Kinesis nor owns a lease; it starts no goroutine that outlives a call.
package pipeline
