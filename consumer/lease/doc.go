// Package lease divides the shards of a stream among the workers of an application, by one row per shard in a
// DynamoDB table. It knows nothing of Kinesis but the names of shards and of their parents, and nothing of what is
// done with them.
//
// # What always holds
//
// At most one worker is inside the trust window of a shard's lease. A lease counter never repeats and never goes
// back, and a checkpoint never goes back; SHARD_END is terminal. The row of a shard that the stream lists is never
// deleted. No decision reads a wall clock, of this machine or of another.
//
// # A lease's life
//
//	           take                       ask                      release
//	free ─────────────────▶ held ─────────────────▶ claimed ─────────────────▶ free for the claimant
//	  ▲                      │ │                       │
//	  │       release        │ │ no write for the      │ refuse: back to held
//	  ├──────────────────────┘ │ lease duration
//	  └────────────────────────┘
//
// Every arrow is one conditional write; who may write it, under which condition, and what a crash leaves behind:
//
//	write       by           condition                             a crash right after it leaves
//	take        a worker     row as seen: counter, owner           a lease that nobody renews: it expires
//	renew       the owner    counter and owner as last written     the same, a little later
//	checkpoint  the owner    counter and owner as last written     the same; the next owner goes on from it
//	claim       a worker     counter, owner and claim as seen      a claim that nobody follows up: it goes stale
//	refuse      the owner    counter and owner as last written     a lease that nobody renews
//	release     the owner    counter and owner as last written     a free row, or one that waits for its claimant
//	                                                               for at most the lease duration
//	delete      any worker   counter and owner as seen, of a       nothing
//	                         shard that the stream lists no more
//
// All but claim and delete add one to the counter. A claim does not: it is no sign of life of the owner, and the
// owner's next renewal shows it to the owner.
//
// # Time
//
// A worker dates every row when it sees a new counter in it, after the read, on its own monotonic clock. A lease
// whose counter has stood for the lease duration is expired for that worker. The owner relies on the lease from
// *before* its last successful write for nine tenths of that duration; so it stops earlier than any other starts.
// Where it cannot tell which of its calls was applied, it counts from before the first of them. A lease that is being
// released is not relied on any more. A clock that jumps can only stop it earlier, since the conditional write decides.
//
// # Unknown outcomes
//
// A write that was refused, or whose answer was lost, is settled by reading the row: the owner's name is unique to
// the process, and the writes of one lease follow each other, so a row that is ours, and reflects what was written,
// was written by us. A row that is ours otherwise is written again from there; a release, too. A row that is not
// ours means that the lease is lost ([ErrLost]); what its shard had buffered must be discarded. A row of ours whose
// lease we do not hold is the leftover of an acquisition whose answer was lost, and is free to us.
//
// # The distribution
//
// Every worker decides for itself, from one consistent scan (see plan.go). Workers are those that own a lease that
// has not expired, and those without one, which keep a row of their own alive. A lease that stays free although there
// is a worker with room for it is taken by whoever sees it: shares count for less than reading. All read the table often while
// something moves, and seldom while nothing does: a worker that holds k leases makes 2k writes and 5 scans in a
// lease duration, and checkpoints count as writes.
//
// # The table of the stock library
//
// Rows that vmware-go-kcl-v2 wrote carry no counter. They are versioned by their LeaseTimeout, which every stock
// renewal changes, compared as text; so a live stock worker is respected and a dead one's shards are taken after
// the lease duration. A LeaseTimeout is still written, for people, and for stock workers during a migration.
package lease
