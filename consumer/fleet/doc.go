// Package fleet shows all workers and shards of an application to a person, on any instance.
//
// Each worker says in its own row of the lease table how its shards are: a [Report], written with its heartbeat. A
// [Lookout] reads that table while somebody looks, at most each two seconds, and makes a [View] of it: the shards in the
// stream's hash key space, who reads each, how fast, how far behind, what stands still and why, and what happened last.
// What this instance reads itself it knows exactly. What others say is as old as their last report.
//
// What always holds: nothing here decides anything. A wrong report, a wrong clock or a table that cannot be read makes a
// wrong picture, and nothing else. No report and no view has anything of a record.
package fleet
