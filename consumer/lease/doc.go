// Package lease divides the shards of a stream among the workers of an application, by rows in a DynamoDB table. Of Kinesis
// it knows the names of shards and of their parents. Which object counts is for package warehouse to decide, without leases.
//
// # What always holds
//
//   - At most one worker trusts a shard's lease, as long as monotonic clocks run apart by less than a tenth.
//   - A lease counter never repeats. A checkpoint never goes back, and SHARD_END is final.
//   - No decision reads a wall clock, of this machine or of another.
//   - No shard stays unread for good, whatever was lost, late or half done.
//
// If the table is deleted, restored or edited, two workers may trust one shard's lease until the owner's next heartbeat, or its
// next write of the edited row. So they may after a machine was suspended together with its monotonic clock. No data is harmed:
// a commit is a conditional write to the chain of objects.
//
// # Rows
//
//	_application   what the first start pins, and which protocol this is
//	_members       who is here: Ids, and a Version that changes with them
//	_plan          who is to have which shard, and the Version that it was made for
//	_worker/<id>   Heartbeat, LeaseDuration, Name, Report; Fenced once it is over; Asked
//	<shard>        AssignedTo (an id), LeaseCounter, Checkpoint and more
//
// A worker has a random id, another one in each life. life.go has who is alive, membership.go and plan.go who is to have what,
// lease.go and write.go who has what, run.go and follow.go the loop.
//
// # Who is alive
//
//	         begin                 fence, by others; or no heartbeat in time; or the row is gone
//	(none) ─────────▶ alive ──────────────────────────────────────────────▶ over, for good
//	                  │   ▲ heartbeat, each half of D
//	                  └───┘
//
// D is the worker's lease duration. All its leases are trusted for 0.8 D from the start of its last confirmed heartbeat, or of the
// first try if the outcome of one was unknown. Others date a heartbeat when they first see it. When it has stood for 0.9 D they
// fence the worker, on condition of that very heartbeat, and none succeeds afterwards. So an owner has stopped before anybody
// takes its leases. A life that is over loses them all at once; the process goes on in another.
//
// # Who is to have what
//
// Who joins or leaves changes _members, and then writes the next _plan. So does who finds a member fenced, or without a row for D.
// If that worker dies in between, the plan's Version is not that of _members; whoever sees this in two looks writes it. Everybody
// keeps its shards up to its fair share, and no more move than must. A lost plan is made from the owners. Neither row allows
// anybody anything.
//
// # Who has what
//
//	      acquire, by whom the plan names          acquire
//	free ──────────────────────────────────▶ owned ◀──────── owner fenced
//	 ▲                                        │
//	 └────────────────────────────────────────┘
//	   release: the plan names another, or the worker stops
//
// An owner without a worker row (of the stock library, or deleted by hand) is respected while the shard's row changes, and for its
// lease duration from then on.
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
// If a write of a shard's row was refused, or its answer was lost, the owner reads the row. Ids are unique, and the writes of a
// lease follow each other. So a row with our id is as our write left it, or is written again; any other means [ErrLost].
//
// A release or an acquisition may stay unknown: then the row names a worker that lives and has not the lease. If the plan gives it
// the shard, it acquires it again. If not, who waits for it adds the shard to Asked in that worker's row. The worker sees this in the
// answer to its next heartbeat, and releases the row. It is asked, too, for a finished parent whose row is gone or was rewound, and
// reads that row again.
//
// # Looking
//
// At rest, a look each D/5 reads _members and the next workers in the ring of ids, until three that seem alive are among them: so
// each is watched by the living one before it. What is absent or older than known is read again, consistently; what an answer
// leaves out says nothing. While a worker waits for leases it reads their rows as well, more often. The first member scans the
// table each 12 D, for what is to be deleted.
//
// A worker that has not looked for 3 D gives up its life. One that fails for 2 D to acquire what is free for it leaves the members
// for 3 D.
//
// # Other tables
//
// Rows of vmware-go-kcl-v2 have no counter: their version is their LeaseTimeout, compared as text. For stock workers beside us we
// write one that is hours ahead, and each lease at least twice an hour. For the first version of this package, see former.go.
package lease
