// Package lease divides the shards of a stream among the workers of an application, by rows in a DynamoDB table. Of Kinesis
// it knows the names of shards and of their parents. It does not read, list or process anything, and it does not decide
// which object counts: package warehouse does, without leases.
//
// # What always holds
//
//   - At most one worker trusts a shard's lease, as long as monotonic clocks run apart by less than a tenth.
//   - A lease counter never repeats. A checkpoint never goes back, and SHARD_END is final.
//   - No decision reads a wall clock, of this machine or of another.
//   - No shard stays unread for good, whatever was lost, late or half done.
//
// The table may be deleted, restored, throttled or edited at any time. Then two workers may trust the lease of one shard until the
// next heartbeat of its owner, or until the owner's next write of a row that somebody has edited. So they may after a machine was
// suspended together with its monotonic clock. That harms no data: a commit is a conditional write to the chain of objects, and one of
// the two writers finds that the other was first.
//
// # Rows
//
//	_application   what the first start pins, and which protocol this is
//	_members       who is here: Ids, and a Version that changes with them
//	_plan          who is to have which shard, and the Version that it was made for
//	_worker/<id>   Heartbeat, LeaseDuration, Name, Report; Fenced once it is over; Asked
//	<shard>        AssignedTo (an id), LeaseCounter, Checkpoint and more
//
// A worker has an id of 8 characters, and another one after each time that it was given up. Three things are kept apart, each in a
// file of its own: who is alive (life.go), who is to have what (membership.go, plan.go), and who has what (lease.go, write.go).
// run.go and follow.go are the loop: look, keep the members right, plan, follow the plan.
//
// # Who is alive
//
//	         begin                 fence, by others; or no heartbeat in time; or the row is gone
//	(none) ─────────▶ alive ──────────────────────────────────────────────▶ over, for good
//	                  │   ▲ heartbeat, each half of D
//	                  └───┘
//
// D is the worker's lease duration. All leases of a worker are trusted for 0.8 D from the start of its last heartbeat that was
// confirmed. If a heartbeat's outcome was unknown, it counts from the first try. Others date a heartbeat when they first see
// it. When it has stood for 0.9 D they fence the worker, on condition of that very heartbeat. No heartbeat succeeds after a fence. So an owner
// has stopped before anybody takes its leases. A life that is over loses all leases at once; the process goes on under another id.
//
// # Who is to have what
//
// Who joins or leaves changes _members, and then writes the next _plan. So does who finds a member fenced, or without a row for a lease
// duration. If that worker dies in between, the plan is behind: its Version is not that of _members. Whoever sees this in two looks
// writes it. Everybody keeps its shards up to its fair share, and no more move than must. A plan that is lost is made from the owners.
// Neither the plan nor the members allow anybody anything.
//
// # Who has what
//
//	      acquire, by whom the plan names          acquire
//	free ──────────────────────────────────▶ owned ◀──────── owner fenced
//	 ▲                                        │
//	 └────────────────────────────────────────┘
//	   release: the plan names another, or the worker stops
//
// A lease can be acquired if nobody has it, or its owner is fenced. An owner without a worker row (of the stock library, or deleted by
// hand) is respected as long as the shard's row changes, and for its lease duration from then on.
//
// # Writes
//
// Each is one conditional write:
//
//	write       row     by             condition                     a crash right after it leaves
//	begin       worker  the worker     no row                        a row that is deleted some day
//	heartbeat   worker  the worker     last heartbeat, not fenced    leases that others take after 0.9 D
//	fence       worker  any worker     heartbeat as seen             an id in _members; the next look of others removes it
//	ask         worker  any worker     there is a row                nothing: it is asked again
//	join        members the worker     id not there                  a plan that is behind
//	leave       members any worker     id there                      a plan that is behind
//	plan        plan    any worker     plan as read                  nothing
//	acquire     shard   by plan        row as seen: counter, owner   a lease that its id loses with the heartbeats
//	checkpoint  shard   the owner      counter and owner             the same; the next owner goes on from it
//	release     shard   the owner      counter and owner             a free row, for whom the plan names
//	delete      any     first member   row as seen; its shard or     nothing
//	                                   worker is gone for long
//
// # Unknown outcomes
//
// If a write of a shard's row was refused, or its answer was lost, the owner reads the row. Ids are unique and the writes of one
// lease follow each other. So a row with our id, as the write leaves it, was written by us; one with our id that is otherwise is written
// again from there; any other means that the lease is lost ([ErrLost]).
//
// A release or an acquisition may stay unknown: then the row names a worker that lives and does not hold the lease. If the plan gives the shard to
// that worker, it acquires it again. If not, who waits for it asks: it adds the shard to Asked in that worker's row. The worker sees
// this in the answer to its next heartbeat, and releases the row if it has its id and is not held. So it is asked, too, for a finished
// parent whose row is gone or was rewound: it then reads that row again, for the sake of the children.
//
// # Looking
//
// At rest, a look each D/5 reads _members and the next workers in the ring of ids, until three that seem alive are among them. So each
// worker is watched by the living one before it. These reads need not be consistent: what is absent or older than known
// is asked for again, consistently; rows left out say nothing. While a worker waits for leases it reads their rows as well, more often. The first member
// scans the table each 12 D, for what is to be deleted.
//
// A worker that has not looked for 3 D gives up its life: it cannot follow the plan. One that fails for 2 D to acquire what is free for
// it leaves the members for 3 D.
//
// # Other tables
//
// Rows that vmware-go-kcl-v2 wrote have no counter. Their version is their LeaseTimeout, compared as text. We write a LeaseTimeout that is
// hours ahead, and each lease at least twice an hour, for stock workers that run beside us. The first version of this package takes our
// leases for expired: it finds another stream in _application and does not start, and a start waits until all of its leases stand still.
package lease
