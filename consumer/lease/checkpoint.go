package lease

import (
	"context"
	"errors"

	"example.com/callevents/shared/sequence"
)

// Position returns the checkpoint as of the last write, where reading starts; zero if there is none yet. day is the UTC
// day of the newest link at the checkpoint, 2006-01-02.
func (l *Lease) Position() (at sequence.Number, day string, err error) {
	row := l.Row()
	at, err = parseCheckpoint(row.Checkpoint)
	return at, row.CheckpointDay, err
}

// Checkpoint stores at, with the day of the newest link, and renews the lease. A checkpoint that is not ahead of the
// stored one is ignored, and nothing follows [ShardEnd]. [ErrLost] means that what the shard has buffered must be
// discarded. Any other error means that the outcome stayed unknown until ctx ended or the trust window closed.
func (l *Lease) Checkpoint(ctx context.Context, at sequence.Number, day string) error {
	return l.store(ctx, at.String(), day)
}

// Finish stores [ShardEnd]: the shard was read to its end; nothing follows. Otherwise it is as Checkpoint.
func (l *Lease) Finish(ctx context.Context, day string) error { return l.store(ctx, ShardEnd, day) }

func (l *Lease) store(ctx context.Context, checkpoint, day string) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	ahead, err := isAhead(checkpoint, l.row.Checkpoint)
	if err != nil || !ahead {
		return err
	}
	for {
		err := l.write(ctx, Set{attrCheckpoint: checkpoint, attrDay: day})
		if err == nil || errors.Is(err, ErrLost) || !l.pause(ctx) {
			return err
		}
		l.log.WithError(err).Warn("checkpoint not confirmed, trying again")
	}
}

func isAhead(checkpoint, stored string) (bool, error) {
	if stored == ShardEnd || checkpoint == ShardEnd {
		return stored != ShardEnd, nil
	}
	current, err := parseCheckpoint(stored)
	return sequence.Number(checkpoint).After(current), err
}

// parseCheckpoint reads a checkpoint for reading on from it. The stock library and its relatives write position
// names where there is no record yet; they count as no checkpoint.
func parseCheckpoint(checkpoint string) (sequence.Number, error) {
	switch checkpoint {
	case "", TrimHorizon, "LATEST", "AT_TIMESTAMP":
		return "", nil
	}
	return sequence.Parse(checkpoint)
}
