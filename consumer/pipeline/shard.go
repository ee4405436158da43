package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
)

// Lease is what a shard's pipeline needs of its lease. Safe for concurrent use.
type Lease interface {
	// Deadline ends the trust window. The zero time: no commit may start.
	Deadline() time.Time
	// Done is closed when the lease is lost or given up for good: what is held must be discarded.
	Done() <-chan struct{}
	// Checkpoint stores a sequence number and the day of the next link, fenced by owner and lease counter and never
	// backwards. Nil: stored. Repeating it is harmless.
	Checkpoint(ctx context.Context, at sequence.Number, day string) error
	// Finish stores SHARD_END as Checkpoint stores a sequence number: the shard was read to its end.
	Finish(ctx context.Context, day string) error
}

// ErrLost means that the lease ended while something was under way. What was held is discarded; the next owner
// reads it again.
var ErrLost = errors.New("lease lost, batch discarded")

// ErrRewound means that the shard is not finished after all: another writer's link ended before what was held here.
var ErrRewound = errors.New("position moved by another writer, read on from there")

// Config is the same for all shards. A limit of zero is no limit; whichever is reached first ends a batch.
type Config struct {
	Stream        string        // its name, for dead letters
	FlushInterval time.Duration // since the batch's first record was taken
	FlushBytes    int           // before compression, rejected records included
	FlushRecords  int           // rejected records included

	// OnCommit is told of every link that this worker made, and how many bytes it has. It must return at once. May
	// be nil.
	OnCommit func(link warehouse.Link, bytes int)

	Store   *warehouse.Store
	Metrics *Metrics
	Log     *logrus.Entry
}

// ShardInfo is what the stream says of a shard.
type ShardInfo struct {
	ID                     string
	StartingSequenceNumber sequence.Number // a record may have it
	HashKeys               hashkey.Range
}

// Shard carries the records of one shard into its chain, under one lease. Not safe for concurrent use; after an
// error of Process, Drain or Finish that is not from the context, it is of no more use.
type Shard struct {
	cfg    Config
	info   ShardInfo
	before sequence.Number // where the shard starts: no record has it
	lease  Lease
	log    *logrus.Entry

	batch     *warehouse.Batch
	started   time.Time                // when the batch's first record was taken
	rejected  map[transform.Reason]int // in the batch
	repairing *warehouse.Link          // set while its range is read again for its dead letters only
	line      []byte                   // scratch
	midnight  time.Time                // UTC, before the last record's arrival
	day       string                   // which begins then
}

// New returns a shard that is to be opened.
func New(cfg Config, info ShardInfo, lease Lease) *Shard {
	return &Shard{
		cfg: cfg, info: info, before: info.StartingSequenceNumber.Before(), lease: lease,
		log:      cfg.Log.WithField("shard_id", info.ID),
		batch:    cfg.Store.NewBatch(),
		rejected: map[transform.Reason]int{},
	}
}

// Open finds the place where the chain goes on: after the newest link, or after the checkpoint if that is later (the
// objects behind a checkpoint are not needed any more). checkpoint is zero if there is none; day is stored with it.
// After an error Open may be called again.
func (s *Shard) Open(ctx context.Context, checkpoint sequence.Number, day string) error {
	tip, ok, err := s.cfg.Store.Tip(ctx, s.info.ID)
	if err != nil {
		return err
	}
	if ok && !checkpoint.After(tip.Last) {
		return s.goOnAfter(ctx, tip)
	}
	place := warehouse.Place{Shard: s.info.ID, Previous: checkpoint, Day: day}
	if checkpoint.IsZero() {
		place.Previous = s.before
	}
	if checkpoint.IsZero() || day == "" {
		place.Day = warehouse.FirstDay
	}
	s.begin(place)
	return nil
}

// goOnAfter continues the chain after a link of another writer, who may have died before its dead letters. If so,
// its range is read again for them: nothing may follow a link without its dead letters, so they are missing at the
// tip only.
func (s *Shard) goOnAfter(ctx context.Context, link warehouse.Link) error {
	missing, err := s.cfg.Store.DeadLettersMissing(ctx, link)
	if err != nil {
		return err
	}
	if !missing {
		s.begin(link.Next())
		return nil
	}
	s.log.WithFields(logrus.Fields{"object_key": link.Key(), "rejected": link.Rejected}).
		Warn("dead letters missing, reading the link's range again")
	s.begin(link.Place)
	s.repairing = &link
	return nil
}

// begin discards what is held and starts the batch that is to become the link at place.
func (s *Shard) begin(place warehouse.Place) {
	s.repairing = nil
	clear(s.rejected)
	s.batch.Begin(place)
}

// Position is the sequence number that reading goes on after. The zero value is the application's initial position.
// It moves with every record taken, and jumps back or ahead where another writer's link demands it: whoever reads
// must compare it with where it stands, before each page.
func (s *Shard) Position() sequence.Number {
	if last := s.batch.Last(); last != s.before {
		return last
	}
	return ""
}

// Process takes one page, which was read after [Shard.Position]. The page may be empty: batches also end by age. It
// blocks while a commit is unresolved, which is what holds the reader back while S3 is slow.
func (s *Shard) Process(ctx context.Context, page []types.Record) error {
	before := s.Position()
	if err := s.resume(ctx); err != nil || s.Position() != before {
		return err
	}
	for i := range page {
		at, err := sequence.Parse(aws.ToString(page[i].SequenceNumber))
		if err != nil {
			return err
		}
		if !at.After(s.batch.Last()) {
			continue // read twice: pages overlap after a new shard iterator
		}
		if moved, err := s.take(ctx, &page[i], at); err != nil || moved {
			return err // the rest of the page does not follow the new position
		}
	}
	if s.due() {
		return s.flush(ctx, s.batch.Place().Day, causeAge)
	}
	return nil
}

// take appends a record and ends the batch where a limit is reached. moved: another writer's link changed the
// position, and the record was not taken, or dropped again.
func (s *Shard) take(ctx context.Context, record *types.Record, at sequence.Number) (moved bool, err error) {
	if s.repairing != nil && at.After(s.repairing.Last) {
		if err := s.repaired(ctx); err != nil {
			return false, err
		}
	}
	if s.repairing == nil {
		if moved, err := s.cutDay(ctx, record); moved || err != nil {
			return moved, err
		}
	}
	if err := s.append(record, at); err != nil {
		return false, err
	}
	cause := s.full()
	switch {
	case s.repairing != nil && at == s.repairing.Last:
		return false, s.repaired(ctx)
	case s.repairing != nil || cause == "":
		return false, nil
	}
	err = s.flush(ctx, s.batch.Place().Day, cause)
	return s.Position() != at, err
}

// cutDay ends the batch, and the chain's day, if the record arrived on a later one. It takes more than one link if
// another writer's stands in the way that does not change the day.
func (s *Shard) cutDay(ctx context.Context, record *types.Record) (moved bool, err error) {
	before := s.Position()
	day := s.dayOf(aws.ToTime(record.ApproximateArrivalTimestamp))
	for day > s.batch.Place().Day && !moved && err == nil {
		err = s.flush(ctx, day, causeDay)
		moved = s.repairing != nil || s.Position() != before
	}
	return moved, err
}

// dayOf is [warehouse.Day]. It is written once a day: nearly every record arrived on the day of the one before.
func (s *Shard) dayOf(arrived time.Time) string {
	if midnight := arrived.Truncate(24 * time.Hour); s.day == "" || !midnight.Equal(s.midnight) {
		s.midnight, s.day = midnight, warehouse.Day(arrived)
	}
	return s.day
}

// append takes a record's user records apart. They share one sequence number, so they stay in one batch, whatever
// its size becomes.
func (s *Shard) append(record *types.Record, at sequence.Number) error {
	if s.batch.Empty() {
		s.started = time.Now()
	}
	s.batch.Take(at)
	users, aggregated := kpl.Split(record.Data, s.info.HashKeys)
	switch {
	case !aggregated:
		return s.appendUser(record, kpl.Record{Data: record.Data})
	case Overflows(users):
		return s.appendUser(record, kpl.Record{Data: record.Data, Reason: kpl.Reason(transform.ContainerOverflow)})
	}
	for user := range users {
		if user.Reason == kpl.OutsideShard {
			s.cfg.Metrics.skipped.Inc()
			continue
		}
		if err := s.appendUser(record, user); err != nil {
			return err
		}
	}
	return nil
}

// full names the limit that the batch has reached, if any.
func (s *Shard) full() cause {
	switch {
	case s.cfg.FlushBytes > 0 && s.batch.Bytes() >= s.cfg.FlushBytes:
		return causeBytes
	case s.cfg.FlushRecords > 0 && s.batch.Records()+s.batch.Rejected() >= s.cfg.FlushRecords:
		return causeRecords
	case s.due():
		return causeAge
	}
	return ""
}

// due reports whether the batch is old enough to end.
func (s *Shard) due() bool {
	return s.repairing == nil && !s.batch.Empty() && time.Since(s.started) >= s.cfg.FlushInterval
}

// Drain commits what is held and stores the checkpoint, so that the shard can be handed over without anything being
// read twice. A range that is being read again for its dead letters is left to the next owner.
func (s *Shard) Drain(ctx context.Context) error {
	if err := s.resume(ctx); err != nil {
		return err
	}
	if s.repairing != nil || s.batch.Empty() {
		return nil
	}
	return s.flush(ctx, s.batch.Place().Day, causeDrain)
}

// Finish drains and stores SHARD_END. To be called when the closed shard was read to its end, after [Shard.Position].
// On [ErrRewound] there is more to read.
func (s *Shard) Finish(ctx context.Context) error {
	if s.repairing != nil { // retention took the end of its range
		if err := s.repaired(ctx); err != nil {
			return err
		}
	}
	before := s.Position()
	if err := s.Drain(ctx); err != nil {
		return err
	}
	if s.Position() != before {
		return ErrRewound
	}
	ctx, cancel := s.whileLeased(ctx)
	defer cancel()
	if err := s.lease.Finish(ctx, s.batch.Place().Day); err != nil {
		return s.lost(fmt.Errorf("finish shard: %w", err))
	}
	return nil
}
