// Package warehouse keeps the records of a stream in objects, so that each is in exactly one, whoever writes.
//
// # The chain
//
// The objects of a shard form a chain. A link's place in it is made of the shard, the last sequence number of the
// link before, and a day; its name is made of nothing else (see [Place.Key]):
//
//	shard starts at 101, FirstDay
//	  after 100 on 1970-01-01    no records, next day 2026-11-23
//	  after 100 on 2026-11-23    101..250
//	  after 250 on 2026-11-23    251..300, next day 2026-11-24: 301 arrived then
//	  after 300 on 2026-11-24    301..
//
// A place is a function of the link before it alone. So whatever two writers have read, wherever they cut their
// batches and whatever retention took in the meantime: if both stand behind the same link, they want the same name,
// and S3 gives it to one of them (PutObject with If-None-Match: *). The other adopts that link and goes on behind
// it. Neither clocks nor leases are needed for that to be right; leases only keep writers from working in vain. The day
// makes no exception: were it that of the first record, a trim at the edge of a day would make two places of one.
//
// The rules:
//  1. Commit is one conditional PutObject, started inside the lease's trust window, with a deadline.
//  2. 200 is done. 412 is refused: read the metadata of the link that is there, and adopt it. Anything else is
//     unknown: the same request again, and nothing else before it is answered. An object that is no link of this
//     shard, application and stream, and a 403 where absent must be told from present, end the process.
//  3. Link, then its dead letters, then the checkpoint. Nothing follows a link before its dead letters are stored,
//     so that they can be missing at the tip only; whoever finds the tip so restores them from the stream.
//  4. A shard is resumed behind its newest link or its checkpoint, whichever is later. So a checkpoint that is old,
//     rewound by hand or lost with its table costs a few requests.
//  5. A batch that ends because the next record arrived on a later day says so in its link, and the place behind it
//     is on that day. If the batch is empty at that moment, a link without records is committed. A batch with
//     nothing but rejected records is a link of zero lines.
//  6. A record that is not after the last one taken is dropped.
//  7. Before anything is read, the store must refuse the second of two creates of the same object.
//
// # What a crash leaves behind
//
//	we die                               what is there                 who repairs it
//	before PutObject                     nothing                       the next owner reads the records again
//	PutObject under way                  the link or nothing           the next owner finds it by listing, or, if it
//	                                                                   appears later, by the 412 to its own commit
//	after the link, rejected = 0         link; checkpoint behind       next owner: resumes at the tip
//	after the link, rejected > 0         link without dead letters     next owner: reads the link's range again and
//	                                                                   stores the rejected records, before going on
//	after the dead letters               both; checkpoint behind       next owner: resumes at the tip
//	after the checkpoint                 everything                    nobody needs to
//	never, but paused before PutObject   nothing, or the next owner's  ourselves: the trust window is over; if the
//	                                     link at our place             request is on its way, S3 refuses it
//	paused before the dead letters       the next owner restored them  ourselves: we store the same bytes again
//	paused before the checkpoint         a checkpoint further on       the fenced write refuses ours
//
// # What it does not cover
//
// Objects ahead of the checkpoint that somebody deletes, moves or overwrites. A change of the location or format
// while a request of a former run is still on its way: stop all instances first, then start with the new ones. Stores
// without conditional writes, which rule 7 refuses.
//
// The package reads no stream, owns no lease and starts no goroutine.
package warehouse
