package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// cause says why a batch ended.
type cause string

const (
	causeAge     cause = "age"
	causeBytes   cause = "bytes"
	causeRecords cause = "records"
	causeDay     cause = "day"
	causeDrain   cause = "drain"
	causeResume  cause = "resume" // interrupted before; cause and outcome were not known
)

// flush makes the batch a link, then stores its dead letters, then the checkpoint. In this order a crash leaves
// nothing behind that the next owner does not find: a link without dead letters at the tip, or a checkpoint that is
// behind the tip. If ctx ends in between, the batch stays as it is, and flushing again repeats every step, which
// changes nothing that was done.
//
// Afterwards a new batch is begun after the link that is there: usually ours, otherwise the one of another writer,
// in whose favour the batch was dropped. Then [Shard.Position] has moved.
func (s *Shard) flush(ctx context.Context, nextDay string, why cause) error {
	ctx, cancel := s.whileLeased(ctx)
	defer cancel()
	if err := s.batch.Seal(nextDay); err != nil {
		return err
	}
	started := time.Now()
	link, err := s.cfg.Store.Commit(ctx, s.lease, s.batch)
	if err != nil {
		return s.lost(err)
	}
	if link.First != s.batch.First() || link.Last != s.batch.Last() {
		return s.adopt(ctx, link)
	}
	if link.Rejected > 0 {
		if err := s.cfg.Store.PutDeadLetters(ctx, link, s.batch); err != nil {
			return s.lost(err)
		}
	}
	s.committed(link, why, time.Since(started))
	s.begin(link.Next())
	return s.progress(ctx, link)
}

// adopt continues after a link that another writer has put where the batch should have been, with another end. What
// it has and we hold is dropped, what it has not is read again.
func (s *Shard) adopt(ctx context.Context, link warehouse.Link) error {
	s.cfg.Metrics.adopted.Inc()
	s.log.WithFields(logrus.Fields{"object_key": link.Key(), "writer": link.Writer, "sequence_number": link.Last,
		"held": s.batch.Last()}).Warn("link of another writer adopted")
	if err := s.goOnAfter(ctx, link); err != nil {
		return s.lost(err)
	}
	if s.repairing != nil {
		return nil
	}
	return s.progress(ctx, link)
}

// repaired stores the dead letters of the link whose range was read again, and goes on after it.
func (s *Shard) repaired(ctx context.Context) error {
	ctx, cancel := s.whileLeased(ctx)
	defer cancel()
	link := *s.repairing
	if err := s.cfg.Store.PutDeadLetters(ctx, link, s.batch); err != nil {
		return s.lost(err)
	}
	s.countRejected()
	s.log.WithFields(logrus.Fields{"object_key": link.DeadLetters, "rejected": s.batch.Rejected()}).Info("dead letters restored")
	s.begin(link.Next())
	return s.progress(ctx, link)
}

// progress checkpoints the end of a link whose dead letters are stored. A link without records has none.
func (s *Shard) progress(ctx context.Context, link warehouse.Link) error {
	if link.First.IsZero() {
		return nil
	}
	return s.checkpoint(ctx, link.Last, link.NextDay)
}

// checkpoint is the last step, and the only one that may be left out: if we die before it, our successor finds the
// link by listing.
func (s *Shard) checkpoint(ctx context.Context, at sequence.Number, day string) error {
	if err := s.lease.Checkpoint(ctx, at, day); err != nil {
		return s.lost(fmt.Errorf("checkpoint %s: %w", at, err))
	}
	return nil
}

// resume takes up what an ended context interrupted: a sealed batch takes no more records.
func (s *Shard) resume(ctx context.Context) error {
	switch {
	case s.repairing != nil && s.batch.Last() == s.repairing.Last:
		return s.repaired(ctx)
	case s.batch.Sealed():
		return s.flush(ctx, s.batch.Place().Day, causeResume)
	}
	return nil
}

// committed counts and logs a link that holds what the batch held, and whose writer may be ourselves at an earlier
// attempt, or somebody who cut at the same record.
func (s *Shard) committed(link warehouse.Link, why cause, took time.Duration) {
	m := s.cfg.Metrics
	if link.Writer != s.cfg.Store.Writer {
		m.adopted.Inc()
		return
	}
	m.objects.Inc()
	m.committed.Add(float64(link.Records))
	m.bytes.Add(float64(s.batch.BodyBytes()))
	m.latency.Observe(took.Seconds())
	if s.cfg.OnCommit != nil {
		s.cfg.OnCommit(link, s.batch.BodyBytes())
	}
	m.flushes.WithLabelValues(string(why)).Inc()
	s.countRejected()
	s.log.WithFields(logrus.Fields{"object_key": link.Key(), "records": link.Records, "rejected": link.Rejected,
		"bytes": s.batch.BodyBytes(), "sequence_number": link.Last, "cause": why, "elapsed_ms": took.Milliseconds()}).
		Info("link committed")
}

// countRejected counts the dead letters that were stored.
func (s *Shard) countRejected() {
	for reason, n := range s.rejected {
		s.cfg.Metrics.rejected.WithLabelValues(string(reason)).Add(float64(n))
	}
}

// whileLeased ends the context with the lease.
func (s *Shard) whileLeased(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.lease.Done():
			cancel(ErrLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// lost marks an error that came after the lease ended.
func (s *Shard) lost(err error) error {
	select {
	case <-s.lease.Done():
		if !errors.Is(err, ErrLost) {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		}
	default:
	}
	return err
}
