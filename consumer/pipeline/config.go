package pipeline

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/sequence"
)

// Config is the same for all shards. A limit of zero is no limit. The limit that is reached first ends a batch.
type Config struct {
	Stream        string        // its name, for dead letters
	FlushInterval time.Duration // age of a batch, see [Pipeline.Process]
	FlushBytes    int           // before compression, dead letters included
	FlushRecords  int           // user records, rejected ones included

	// DistributesItself reports whether the stream now brings a container to any shard (record distribution AUTO). Then its
	// user records are stored like any; else those outside their shard are dead letters. It is called for every batch, by
	// several goroutines, and must return at once. Nil: it never does.
	DistributesItself func() bool

	// Parents names the parents of a shard, as far as the stream lists them. It must return at once. Nil: no shard has any.
	Parents func(shard string) []string

	// OnCommit is called for every link that this worker made, with its size in bytes. It must return at once. May be
	// nil.
	OnCommit func(link warehouse.Link, bytes int)

	Store   *warehouse.Store
	Metrics *Metrics
	Log     *logrus.Entry
}

// Shard is a shard of the stream.
type Shard struct {
	ID                     string
	StartingSequenceNumber sequence.Number // a record may have it
	HashKeys               hashkey.Range
}

// Lease is what a pipeline needs of its shard's lease. Safe for concurrent use.
type Lease interface {
	// Deadline ends the trust window. The zero time: no commit may start.
	Deadline() time.Time
	// Checkpoint stores the end of the newest link and the day of the next one, fenced by owner and lease counter and
	// never backwards. Nil: stored. Repeating it is harmless.
	Checkpoint(ctx context.Context, at sequence.Number, day string) error
	// Finish stores SHARD_END in the same way. Nothing follows it.
	Finish(ctx context.Context, day string) error
}
