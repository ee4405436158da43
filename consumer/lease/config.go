package lease

import (
	"math"
	"time"
)

// Config is what a worker needs to know about its leases.
type Config struct {
	// WorkerID is the owner written into the table. It must be unique to this process and start: a lease under this
	// name that the process does not hold was acquired by a write whose answer was lost, and is acquired again at once.
	WorkerID string
	// Duration is how long a lease outlives its last renewal, as seen by another worker. At least 1 s. It stands in the
	// rows that this worker owns: workers with other durations respect it.
	Duration time.Duration
	// SyncInterval is the pause between two looks at the table while leases move.
	SyncInterval time.Duration
	// Report is what this worker's row says of its shards, written with the heartbeat; at most [ReportBytes] are kept. It
	// must not block. Nil: nothing.
	Report func() []byte
}

// trust is how long an owner relies on its lease after the start of a write: a tenth less than others wait, so
// that clocks may run apart by a tenth.
func (c Config) trust() time.Duration { return c.Duration - c.Duration/10 }

// renewEvery leaves most of the second half of the duration for retries.
func (c Config) renewEvery() time.Duration { return c.Duration / 2 }

// retryPause is the pause after a write that failed.
func (c Config) retryPause() time.Duration { return c.Duration / 20 }

// callTimeout bounds one call to the table, the SDK's own retries included.
func (c Config) callTimeout() time.Duration { return c.Duration / 4 }

// restInterval is the pause between two looks at the table while no lease moves. Other workers notice a stopped owner
// later than the lease duration by at most this much.
func (c Config) restInterval() time.Duration { return max(c.SyncInterval, c.Duration/5) }

// rowBytes is more than a row of a shard takes, with a worker's name of 100 bytes.
const rowBytes = 500

// capacity is what a provisioned table needs for one worker that holds all shards, in DynamoDB's units a second: 4 KB read,
// with strong consistency, or one row written.
func (c Config) capacity(shards int) (reads, writes int64) {
	scan := math.Ceil(float64(shards+1) * rowBytes / 4096)
	reads = int64(math.Ceil(scan / c.restInterval().Seconds()))
	writes = int64(math.Ceil(float64(shards) / c.renewEvery().Seconds()))
	return reads, writes
}

// timeoutText is the LeaseTimeout attribute of a row written now. People read it, and stock workers do.
func (c Config) timeoutText() string {
	return time.Now().Add(c.Duration).UTC().Format(time.RFC3339Nano)
}
