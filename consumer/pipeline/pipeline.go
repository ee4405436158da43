package pipeline

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/memory"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// Pipeline carries the records of one shard into its chain, under one lease. Not safe for concurrent use.
//
// The context of every method ends when the lease is lost, or when it has been drained for too long. Then the method
// returns the cause. After any error but Open's the pipeline is of no more use: what it holds is in the stream.
type Pipeline struct {
	cfg    Config
	shard  Shard
	lease  Lease
	stall  *stall.Tracker // is told what is waited for
	log    *logrus.Entry
	before sequence.Number // where the shard starts: no record has it

	batch    *warehouse.Batch
	settled  *memory.Memory           // the events that are a line or a dead letter, up to the batch's last record
	link     warehouse.Link           // the one before the batch; zero: none, or nobody knows it
	arrived  time.Time                // when the batch's first record arrived, by Kinesis' clock
	started  time.Time                // what the batch's age counts from, by ours: when that record was read, or when it arrived
	rejected map[transform.Reason]int // in the batch
	repair   *warehouse.Link          // the link whose range is read again for its dead letters alone; nil: none is
	noted    *warehouse.Link          // whose end is to be the next checkpoint; nil: all are stored
	links    int                      // since the last checkpoint
	stored   time.Time                // when that was; zero: there was none
	user     userRecords              // scratch
	midnight time.Time                // UTC, before the last record's arrival
	day      string                   // which begins then
}

// New returns a pipeline that is to be opened.
func New(cfg Config, shard Shard, lease Lease, tracker *stall.Tracker) *Pipeline {
	return &Pipeline{
		cfg: cfg, shard: shard, lease: lease, stall: tracker, before: shard.StartingSequenceNumber.Before(),
		log:      cfg.Log.WithField("shard_id", shard.ID),
		batch:    cfg.Store.NewBatch(),
		settled:  memory.New(warehouse.FirstDay),
		rejected: map[transform.Reason]int{},
	}
}

// Position is the sequence number that reading goes on after; zero is the application's initial position. It moves
// with every record. It moves back or ahead when a link of another writer is adopted, so ask before each page.
func (p *Pipeline) Position() sequence.Number {
	if last := p.batch.Last(); last != p.before {
		return last
	}
	return ""
}

// Process adds the records of one page, which was read after [Pipeline.Position], and commits the batch when it is full
// or old enough. Call it with empty pages too: batches end by age. tip is Kinesis' time now if the page reached the tip
// of the shard: then the batch's age counts from its first record's arrival. The zero time says that the page did not
// reach it, or that Kinesis' time is unknown. Process returns when no commit is unresolved. That is what holds the reader
// back while S3 is slow.
func (p *Pipeline) Process(ctx context.Context, records []types.Record, tip time.Time) error {
	for i := range records {
		at, err := sequence.Parse(aws.ToString(records[i].SequenceNumber))
		if err != nil {
			return err
		}
		if !at.After(p.batch.Last()) {
			continue // read twice: pages overlap after a new shard iterator
		}
		if moved, err := p.add(ctx, &records[i], at); err != nil || moved {
			return err // the rest of the page does not follow the new position
		}
	}
	p.atTip(tip)
	if p.due() {
		return p.commit(ctx, p.batch.Place().Day, causeAge)
	}
	return nil
}

// atTip lets the batch's age count from its first record's arrival: at the tip a record is to be in an object soon after
// it arrived, also if it was read late, by the next owner of a lease. Before that, while the shard is behind, age counts
// from when a record was read, so that objects stay large. Our clock only measures how much time passes.
func (p *Pipeline) atTip(tip time.Time) {
	if tip.IsZero() || p.batch.Empty() || p.arrived.IsZero() {
		return
	}
	if started := time.Now().Add(-tip.Sub(p.arrived)); started.Before(p.started) {
		p.started = started
	}
}

// add appends one Kinesis record, and commits the batch if that fills it. moved: a link of another writer was adopted,
// and the record is to be read again if that link does not have it.
func (p *Pipeline) add(ctx context.Context, record *types.Record, at sequence.Number) (moved bool, err error) {
	if p.repair != nil && at.After(p.repair.Last) { // retention took the end of the link's range
		if err := p.restore(ctx); err != nil {
			return false, err
		}
	}
	if p.repair == nil {
		if moved, err := p.cutDay(ctx, record); moved || err != nil {
			return moved, err
		}
	}
	if err := p.append(record, at); err != nil {
		return false, err
	}
	cause := p.full()
	switch {
	case p.repair != nil && at == p.repair.Last:
		return false, p.restore(ctx)
	case p.repair != nil || cause == "":
		return false, nil
	}
	err = p.commit(ctx, p.batch.Place().Day, cause)
	return p.Position() != at, err
}

// cutDay commits the batch if the record arrived on a later day than the chain is at. It takes more than one link if
// another writer's stands in the way that does not change the day.
func (p *Pipeline) cutDay(ctx context.Context, record *types.Record) (moved bool, err error) {
	before := p.Position()
	day := p.dayOf(aws.ToTime(record.ApproximateArrivalTimestamp))
	for day > p.batch.Place().Day && !moved && err == nil {
		err = p.commit(ctx, day, causeDay)
		moved = p.repair != nil || p.Position() != before
	}
	return moved, err
}

// dayOf is [warehouse.Day]. It formats a day once: most records arrived on the day of the record before.
func (p *Pipeline) dayOf(arrived time.Time) string {
	if midnight := arrived.Truncate(24 * time.Hour); p.day == "" || !midnight.Equal(p.midnight) {
		p.midnight, p.day = midnight, warehouse.Day(arrived)
	}
	return p.day
}

// append adds the lines and dead letters of one Kinesis record to the batch. They share its sequence number, so they
// stay in one batch, however large it gets.
func (p *Pipeline) append(record *types.Record, at sequence.Number) error {
	if p.batch.Empty() {
		p.started, p.arrived = time.Now(), aws.ToTime(record.ApproximateArrivalTimestamp)
		p.stall.Holds(p.arrived)
	}
	p.batch.Append(at)
	u := &p.user
	u.judge(record.Data, p.hashKeys(), p.identify(record))
	p.batch.AddCopies(u.copied)
	p.cfg.Metrics.records.Add(float64(len(u.ends) + len(u.rejected) + u.copied))
	for i, end := range u.ends {
		if p.repair != nil {
			break // the lines are in the link already
		}
		begin := 0
		if i > 0 {
			begin = u.ends[i-1]
		}
		if err := p.batch.AddLine(u.lines[begin:end]); err != nil {
			return err
		}
	}
	for _, r := range u.rejected {
		p.rejected[r.reason]++
		if err := p.batch.AddDeadLetter(p.deadLetter(record, r)); err != nil {
			return err
		}
	}
	return nil
}

// full names the limit that the batch has reached, if any.
func (p *Pipeline) full() cause {
	switch {
	case p.cfg.FlushBytes > 0 && p.batch.Bytes() >= p.cfg.FlushBytes:
		return causeBytes
	case p.cfg.FlushRecords > 0 && p.batch.Records()+p.batch.Rejected() >= p.cfg.FlushRecords:
		return causeRecords
	case p.due():
		return causeAge
	}
	return ""
}

// due reports whether the batch is old enough to end.
func (p *Pipeline) due() bool {
	return p.repair == nil && !p.batch.Empty() && time.Since(p.started) >= p.cfg.FlushInterval
}

// Drain commits the batch and stores the checkpoint, so that the shard can be handed over and nothing is read twice. A range that is
// being read again for its dead letters is left to the next owner.
func (p *Pipeline) Drain(ctx context.Context) error {
	if err := p.empty(ctx); err != nil {
		return err
	}
	return p.store(ctx)
}

// empty commits what the batch has.
func (p *Pipeline) empty(ctx context.Context) error {
	if p.repair != nil || p.batch.Empty() {
		return nil
	}
	return p.commit(ctx, p.batch.Place().Day, causeDrain)
}

// Finish drains a closed shard that was read to its end, and stores SHARD_END. end is the position at which there was
// nothing more. finished is false if the pipeline is not there, or was moved away by a link of another writer: read on.
func (p *Pipeline) Finish(ctx context.Context, end sequence.Number) (finished bool, err error) {
	if p.repair != nil { // retention took the end of its range
		if err := p.restore(ctx); err != nil {
			return false, err
		}
	}
	if err := p.empty(ctx); err != nil || p.Position() != end {
		return false, err
	}
	return true, p.lease.Finish(ctx, p.batch.Place().Day)
}
