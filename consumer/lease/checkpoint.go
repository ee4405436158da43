package lease

import (
	"context"
	"errors"

	"example.com/callevents/shared/sequence"
)

// Position is [Row.Position] as of the last write.
func (l *Lease) Position() (at sequence.Number, day string, err error) { return l.Row().Position() }

// Position returns the checkpoint, where reading starts; zero if there is none yet. day is the UTC day of the link after
// the checkpoint, 2006-01-02. It is empty if it was not stored together with this checkpoint: a person changed the
// checkpoint, or an older version wrote the row. Then nobody knows whether a link ends there.
func (r Row) Position() (at sequence.Number, day string, err error) {
	at, err = parseCheckpoint(r.Checkpoint)
	if r.DayOfCheckpoint == r.Checkpoint && !at.IsZero() {
		return at, r.CheckpointDay, err
	}
	return at, "", err
}

// Checkpoint stores at, with the day of the link after it. A checkpoint that is not ahead of the
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
		err := l.write(ctx, set{attrCheckpoint: checkpoint, attrDay: day, attrDayOf: checkpoint})
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
