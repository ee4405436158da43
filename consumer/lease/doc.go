// Package lease divides the shards of a stream among the workers of an application, by one row per shard in a
// DynamoDB table. Of Kinesis it knows the names of shards and of their parents. It does not read, list or process
// anything, and it does not decide which object counts: package warehouse does, without leases.
//
// # What always holds
//
// While the table is neither deleted nor restored from a backup:
//
//   - A lease counter never repeats and never goes back. A checkpoint never goes back, and SHARD_END is final.
//   - The row of a shard that the stream lists is never deleted.
//   - At most one worker is inside the trust window of a shard's lease, as long as the monotonic clocks of the
//     workers run apart by less than a tenth.
//
// No decision reads a wall clock, of this machine or of another.
//
// Two workers can be inside their trust windows of one shard in these cases:
//
//   - The table was deleted. The workers that saw its rows acquire none of these leases for a lease duration. A
//     worker that starts afterwards has seen nothing, and acquires at once.
//   - The table was restored. It may call a lease free that has an owner, and any worker acquires it at once.
//   - The owner's machine was suspended, and its monotonic clock with it. The owner wakes up inside a trust window
//     that is over for everybody else.
//
// Then the former owner still relies on its lease, until its next write finds another owner or its trust window ends.
// That harms no data: a commit is a conditional write to the chain of objects, and one of the two writers finds that
// the other was first.
//
// # A lease's life
//
//	        acquire               claim
//	free ─────────────▶ held ─────────────────▶ claimed ──────────▶ free for the claimant
//	 ▲                  │  ▲      decline          │      release
//	 │     release      │  └───────────────────────┤
//	 ├──────────────────┘                          │
//	 └─────────────────────────────────────────────┘
//	     no write for the lease duration, held or claimed
//
// An owner grants a claim: it drains the shard and releases the lease. To the owner the lease is done once it is
// released or lost.
//
// Every arrow is one conditional write. This is who may write it, on which condition, and what a crash leaves behind:
//
//	write       by            condition                             a crash right after it leaves
//	acquire     a worker      row as seen: counter, owner           a lease that nobody renews: it expires
//	renew       the owner     counter and owner as last written     the same, a little later
//	checkpoint  the owner     counter and owner as last written     the same; the next owner goes on from it
//	claim       a worker      counter, owner and claim as seen      a claim that is ignored once its claimant counts
//	                                                                as dead
//	withdraw    the claimant  counter, owner and claim as seen      nothing
//	decline     the owner     counter and owner as last written     a lease that nobody renews
//	release     the owner     counter and owner as last written     a free row, or one that waits for its claimant
//	                                                                for at most the lease duration
//	delete      any worker    counter and owner as seen, of a       nothing
//	                          shard that the stream lists no more
//
// All but claim, withdraw and delete add one to the counter. A claim does not show that the owner is alive, so it
// leaves the counter alone. The owner sees it in the answer to its next write.
//
// # Time
//
// A worker dates a row when it sees a new counter in it: after the read, on its own monotonic clock. If the counter
// stays the same for the lease duration, the lease has expired for that worker. The owner's own lease duration counts: it
// stands in the row, so workers with different durations live together. The owner relies on the lease for nine
// tenths of that duration, counted from *before* its last successful write. So it stops before any other worker starts.
// If the owner cannot tell which of its calls was applied, it counts from before the first of them. It does not rely on
// a lease that it is releasing.
//
// # Unknown outcomes
//
// If a write was refused, or its answer was lost, the owner reads the row. The name of the owner is unique to the
// process, and the writes of one lease follow each other. There are three cases:
//
//   - The row is ours and as the write leaves it: we wrote it, and the write is done.
//   - The row is ours otherwise: the write is repeated from there, a release, too.
//   - The row is not ours: the lease is lost ([ErrLost]), and what its shard had buffered must be discarded.
//
// If a row names us as the owner and we do not hold the lease, the answer to an acquisition of ours was lost. We may
// acquire it again at once.
//
// # The distribution
//
// Every worker decides for itself, from one consistent scan (see plan.go). Two kinds of workers count: those that own a
// lease that has not expired, and those without a lease, which keep a row of their own alive. To read all shards matters
// more than fair shares: a lease that stays free although some worker has room for it goes to any worker that looks.
//
// All workers look at the table often while leases move, and seldom while they rest. At rest, a worker that holds k
// leases makes 2k writes and 5 scans in a lease duration; checkpoints count as writes.
//
// # The table of the stock library
//
// Rows that vmware-go-kcl-v2 wrote have no counter. Their version is their LeaseTimeout, compared as text: every stock
// renewal changes it. So a live stock worker keeps its leases, and those of a dead one expire after the lease duration.
// We still write a LeaseTimeout, for people, and for stock workers during a migration.
package lease
