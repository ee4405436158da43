package lease

import (
	"math"
	"time"
)

// Config is what a worker needs to know about its leases.
type Config struct {
	// WorkerID is the worker's name, for people. In the table it goes by short ids of its own, see [WorkerRow].
	WorkerID string
	// Duration is how long a worker's leases outlive its last heartbeat, as seen by another worker. At least 1 s. It stands in
	// the rows that this worker writes: workers with other durations respect it.
	Duration time.Duration
	// SyncInterval is the pause between two looks at the table while leases move.
	SyncInterval time.Duration
	// Report returns what this worker's row says of its shards. It is called before each heartbeat, and must return at once. At
	// most [ReportBytes] are kept; longer: none is written. Nil: none.
	Report func() []byte
}

// ReportBytes is the most that a report may have, so that a worker's row stays within 1 KB.
const ReportBytes = 640

// touchEvery is how often an idle lease is written at least, for the stock workers that look at its LeaseTimeout.
const touchEvery = 30 * time.Minute

// trust is how long an owner relies on its leases after the start of a heartbeat.
func (c Config) trust() time.Duration { return c.Duration * 8 / 10 }

// beatEvery is the pause between the starts of two heartbeats. It leaves three tenths of the duration for retries.
func (c Config) beatEvery() time.Duration { return c.Duration / 2 }

// fenceAfter is how long a heartbeat of a worker with that lease duration stands before anybody fences it: a tenth longer than
// it is trusted, so that clocks may run apart by a tenth.
func fenceAfter(duration time.Duration) time.Duration { return duration * 9 / 10 }

// overdueAfter is how long a heartbeat stands before it counts as late.
func overdueAfter(duration time.Duration) time.Duration { return duration * 6 / 10 }

// retryPause is the pause after a heartbeat that failed.
func (c Config) retryPause() time.Duration { return c.Duration / 50 }

// callTimeout bounds one call to the table, the SDK's own retries included.
func (c Config) callTimeout() time.Duration { return c.Duration / 4 }

// restInterval is the pause between two looks at the table while no lease moves.
func (c Config) restInterval() time.Duration { return max(c.SyncInterval, c.Duration/5) }

// capacity is what a provisioned table needs for one worker that holds all shards, at rest and in the first minute, in
// DynamoDB's units a second: 4 KB read, or one row written.
func (c Config) capacity(shards int) (reads, writes int64) {
	reads = int64(math.Ceil(1/c.restInterval().Seconds() + float64(shards)/60))
	writes = int64(math.Ceil(1/c.beatEvery().Seconds() + float64(shards)/60))
	return reads, writes
}
