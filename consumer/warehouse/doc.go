// Package warehouse keeps the records of a stream in objects, so that each record is in exactly one, however many
// writers there are.
//
// # The chain
//
// The objects of a shard form a chain of links. A link's place in it is made of the shard, the last sequence number of
// the link before, and a day. Its name is made of nothing else (see [Place.Key]):
//
//	shard starts at 101, FirstDay
//	  after 100 on 1970-01-01    no records, next day 2026-11-23
//	  after 100 on 2026-11-23    101..250
//	  after 250 on 2026-11-23    251..300, next day 2026-11-24: 301 arrived then
//	  after 300 on 2026-11-24    301..
//
// A place is a function of the link before it alone. Two writers behind the same link want the same name, no matter what
// they have read, where they cut their batches, or what retention took in the meantime. S3 gives the name to one of them
// (PutObject with If-None-Match: *). The other adopts that link and goes on behind it. Neither clocks nor leases are needed
// for that to be right; leases only keep writers from working in vain. The day is no exception. Were it the day of the
// first record, a trim at the edge of a day would make two places of one.
//
// The rules:
//  1. A commit is one conditional PutObject. It starts inside the lease's trust window. It has a deadline of its own, which
//     grows with the size and may be after the window: a request that ends late is created or refused like any other.
//  2. 200 is done. 412 is refused: read the metadata of the link that is there, and adopt it. Anything else is
//     unknown: send the same request again, and nothing else before it is answered. [ErrFatal] ends the process: the
//     object is no link of this shard, application and stream, or a 403 does not tell absent from present.
//  3. Link, then its dead letters, then the checkpoint. Nothing follows a link before its dead letters are stored. So
//     they can be missing at the tip only; the writer that finds such a tip restores them from the stream. They overwrite
//     nothing but dead letters of the same link.
//  4. A shard is resumed behind its newest link or its checkpoint, the later of the two. The newest link is searched for, on the
//     newest days ([Store.Tip]). If it is not there, links are looked for from the place behind the checkpoint on, in all
//     formats, and followed to the end ([Store.Resume]). That place is known if the day that was stored with the checkpoint is
//     there; otherwise it is the shard's first. In both cases wherever the application has written and nobody has forgotten.
//     A writer that adopts a link follows the chain to its end before it reads on.
//  5. A batch ends when the next record arrived on a later day. Its link says so, and the place behind it is on that
//     day. If the batch is empty at that moment, a link without records is committed. A batch of rejected records alone
//     is a link of zero lines.
//  6. A record that is not after the last one is dropped.
//  7. A link's metadata says which events of the producers are settled after its last record (package memory). A shard without links
//     begins with what its parents' newest links say. After a 412 the link that is there is our own only if all of its metadata
//     but the writer is what we sent; else it is adopted.
//  8. Before anything is read, the store must refuse the second of two creates of the same object.
//
// Package pipeline plays them: commit.go there is the protocol, step by step.
//
// # What a crash leaves behind
//
//	we die                               what is there                 who repairs it
//	before PutObject                     nothing                       the next owner reads the records again
//	during PutObject                     the link or nothing           the next owner finds it behind the checkpoint, or, if
//	                                                                   it appears later, by the 412 to its own commit
//	after the link, rejected = 0         link; checkpoint behind       next owner: resumes at the tip
//	after the link, rejected > 0         link without dead letters     next owner: reads the link's range again and
//	                                                                   stores the rejected records, before going on
//	after the dead letters               both; checkpoint behind       next owner: resumes at the tip
//	after the checkpoint                 everything                    nobody needs to
//	never, but paused before PutObject   nothing, or the next owner's  ourselves: the trust window is over; a request
//	                                     link at our place             under way is refused by S3
//	our lease is lost during PutObject   the same as after we died     the same; our request is given up
//	paused before the dead letters       the next owner restored them  ourselves: we find them, and store the same bytes
//	paused before the checkpoint         a checkpoint further on       the fenced write refuses ours
//
// # What it does not cover
//
// Objects ahead of the checkpoint that somebody deletes, moves or overwrites. A change of the location or format while
// a request of a former run is still under way: stop all instances first, then start with the new one. A former location
// that a person gave up, or that denies access, while it holds links ahead of a checkpoint. Stores without conditional
// writes, which rule 8 refuses.
//
// The package reads no stream, owns no lease and starts no goroutine.
package warehouse
