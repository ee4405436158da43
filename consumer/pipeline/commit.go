package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/memory"
	"example.com/callevents/consumer/stall"
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
)

// Open finds where the chain goes on: behind the newest link, which also has the memory, or behind the checkpoint, if that is
// later (the objects before a checkpoint are not needed any more). day is that of the link after the checkpoint. checkpoint is
// zero, or day empty, if nobody knows it. After an error Open may be called again.
func (p *Pipeline) Open(ctx context.Context, checkpoint sequence.Number, day string) error {
	place := warehouse.Place{Shard: p.shard.ID, Previous: checkpoint, Day: day}
	known := !checkpoint.IsZero() && day != ""
	tip, ok, err := p.tip(ctx, p.shard.ID, known)
	if err != nil {
		return err
	}
	if ok && !checkpoint.After(tip.Last) {
		return p.goOnAfter(ctx, tip)
	}
	if !known {
		place.Day = warehouse.FirstDay
	}
	if checkpoint.IsZero() {
		place.Previous = p.before
	}
	ahead, found, err := p.cfg.Store.Resume(ctx, place) // on days that are too old to be searched
	if err != nil {
		return err
	}
	if found {
		return p.goOnAfter(ctx, ahead)
	}
	settled, err := p.inherited(ctx, place, tip, ok)
	if err != nil {
		return err
	}
	p.begin(place, tip, settled)
	return nil
}

// beginAfter begins the batch after a link. All that outlives a batch comes from its link: so whoever begins here has the same
// memory, whether the link is ours or another writer's.
func (p *Pipeline) beginAfter(link warehouse.Link) {
	p.begin(link.Next(), link, memory.Read(link.Memory, link.NextDay))
}

// begin empties the batch, which is to become the link at place, after another link.
func (p *Pipeline) begin(place warehouse.Place, link warehouse.Link, settled *memory.Memory) {
	p.link, p.settled = link, settled
	p.repair = nil
	clear(p.rejected)
	p.stall.Holds(time.Time{})
	p.batch.Begin(place)
	p.batch.AnyShard = p.cfg.DistributesItself != nil && p.cfg.DistributesItself()
}

// goOnAfter continues the chain after a link of another writer. That writer may have died before it stored the link's
// dead letters. Then the link's range is read again for them, before anything follows the link: so dead letters can be
// missing at the tip only.
func (p *Pipeline) goOnAfter(ctx context.Context, link warehouse.Link) error {
	var missing bool
	err := p.repeat(ctx, link.DeadLetters, func(int) (err error) {
		missing, err = p.cfg.Store.DeadLettersMissing(ctx, link)
		return err
	})
	if err != nil {
		return err
	}
	if !missing {
		p.beginAfter(link)
		return nil
	}
	settled, err := p.memoryBefore(ctx, link)
	if err != nil {
		return err
	}
	p.log.WithFields(logrus.Fields{"object_key": link.Key(), "rejected": link.Rejected}).
		Warn("dead letters missing, reading the link's range again")
	p.begin(link.Place, warehouse.Link{}, settled)
	// Otherwise other records would be rejected than the link lacks.
	p.batch.AnyShard, p.batch.ByIdentity = link.AnyShard, link.ByIdentity
	p.repair = &link
	return nil
}

// commit makes the batch the next link of the chain, in three steps: the link, its dead letters, the checkpoint. The
// next link is to be on nextDay. The order makes every crash harmless, as told between the steps. The context's end is
// no different from a crash.
//
// The checkpoint waits for up to a minute. Afterwards the batch is empty, behind the link that is there. Usually that is ours. Otherwise it is the link of
// another writer, the batch was dropped in its favour, and [Pipeline.Position] has moved.
func (p *Pipeline) commit(ctx context.Context, nextDay string, why cause) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	// A sealed batch does not change. So every attempt sends the same request.
	if err := p.batch.Seal(nextDay); err != nil {
		return err
	}
	p.remember(nextDay)
	started := time.Now()

	// Crash before the request takes effect: nothing is there. The next owner reads the records again.
	link, err := p.create(ctx)
	if err != nil {
		return err
	}
	// Crash here: the link is there, and the checkpoint behind it. The next owner finds the link as the tip.
	if !link.Same(p.cfg.Store.Link(p.batch)) {
		return p.adopt(ctx, link)
	}
	// Crash here, with records rejected: the link is the tip and lacks its dead letters. The next owner reads the
	// link's range again and stores them, see goOnAfter.
	if link.Rejected > 0 {
		if err := p.putDeadLetters(ctx, link); err != nil {
			return err
		}
	}
	p.committed(link, why, time.Since(started))
	if link.Writer != p.cfg.Store.Writer {
		return p.follow(ctx, link)
	}
	p.beginAfter(link)
	// Crash here: only the checkpoint is behind. The next owner starts at the tip.
	return p.checkpoint(ctx, link)
}

// create returns the link that is now at the batch's place, durably. That is the batch, or the link of whoever was
// first: another writer, or ourselves at an earlier attempt. The place is a function of the link before it, so all
// writers of this shard want the same name here, and S3 gives it to one of them. Neither clock nor lease decides.
//
// The same request is repeated until its outcome is known: as long as it may still take effect, nothing may follow it.
// The error is the cause of the context's end, or [warehouse.ErrFatal].
func (p *Pipeline) create(ctx context.Context) (there warehouse.Link, err error) {
	link := p.cfg.Store.Link(p.batch)
	err = p.repeat(ctx, link.Key(), func(int) error {
		outcome, err := p.cfg.Store.Create(ctx, p.lease.Deadline(), p.batch) // PutObject, If-None-Match: *
		switch outcome {
		case warehouse.Done:
			there = link
			return nil
		case warehouse.Refused:
			first, ok, err := p.cfg.Store.Head(ctx, link.Place)
			if there = first; err == nil && !ok {
				return errGoneAgain
			}
			return err
		}
		return err
	})
	return there, err
}

// errGoneAgain means that a link was refused for another one, which is not there: somebody has removed it.
var errGoneAgain = errors.New("the object that was in the way is gone")

// putDeadLetters stores the dead letters of a link that has what the batch has.
func (p *Pipeline) putDeadLetters(ctx context.Context, link warehouse.Link) error {
	return p.repeat(ctx, link.DeadLetters, func(attempt int) error {
		return p.cfg.Store.PutDeadLetters(ctx, link, p.batch, attempt)
	})
}

// repeat makes attempts at a request to S3 until one succeeds. attempt counts from 1. The error is the cause of the
// context's end, with the outcome unknown, or [warehouse.ErrFatal].
func (p *Pipeline) repeat(ctx context.Context, key string, request func(attempt int) error) error {
	defer p.stall.Waits(stall.Nothing)
	for attempt := 1; ; attempt++ {
		p.stall.Waits(stall.S3)
		err := request(attempt)
		if err == nil || errors.Is(err, warehouse.ErrFatal) {
			return err
		}
		p.stall.Failed(err)
		if err := p.cfg.Store.Again(ctx, key, attempt, err); err != nil {
			return fmt.Errorf("outcome of a request for %s unknown: %w", key, err)
		}
	}
}

// adopt goes on after the link of another writer that was first at the batch's place, and ends elsewhere or judged otherwise. The
// batch is dropped. Records that the link has are skipped, others are read again.
func (p *Pipeline) adopt(ctx context.Context, link warehouse.Link) error {
	p.cfg.Metrics.adopted.Inc()
	p.log.WithFields(logrus.Fields{"object_key": link.Key(), "writer": link.Writer, "sequence_number": link.Last,
		"held": p.batch.Last()}).Warn("link of another writer adopted")
	return p.follow(ctx, link)
}

// follow goes on after the newest link that follows another writer's. There may be many: they are not met one by one, at
// a flush interval each. The store is asked until it answers.
func (p *Pipeline) follow(ctx context.Context, link warehouse.Link) error {
	var tip warehouse.Link
	var ok bool
	err := p.repeat(ctx, link.Key(), func(int) (err error) {
		tip, ok, err = p.cfg.Store.Follow(ctx, link.Next())
		return err
	})
	if err != nil {
		return err
	}
	if ok {
		link = tip
	}
	if err := p.goOnAfter(ctx, link); err != nil || p.repair != nil {
		return err
	}
	return p.checkpoint(ctx, link)
}

// restore stores the dead letters of the link whose range was read again, and goes on after it.
func (p *Pipeline) restore(ctx context.Context) error {
	link := *p.repair
	if err := p.putDeadLetters(ctx, link); err != nil {
		return err
	}
	p.countRejected()
	p.log.WithFields(logrus.Fields{"object_key": link.DeadLetters, "rejected": p.batch.Rejected()}).Info("dead letters restored")
	p.beginAfter(link)
	return p.checkpoint(ctx, link)
}

// committed counts and logs a link that has what the batch has. Its writer may be another one, who ended at the same
// record.
func (p *Pipeline) committed(link warehouse.Link, why cause, took time.Duration) {
	m := p.cfg.Metrics
	if link.Writer != p.cfg.Store.Writer {
		m.adopted.Inc()
		return
	}
	m.objects.Inc()
	m.committed.Add(float64(link.Records))
	m.copies.Add(float64(link.Copies))
	m.forgotten.Add(float64(p.settled.Forgotten()))
	m.bytes.Add(float64(p.batch.BodyBytes()))
	m.latency.Observe(took.Seconds())
	m.flushes.WithLabelValues(string(why)).Inc()
	p.countRejected()
	if p.cfg.OnCommit != nil {
		p.cfg.OnCommit(link, p.batch.BodyBytes())
	}
	p.log.WithFields(logrus.Fields{"object_key": link.Key(), "records": link.Records, "rejected": link.Rejected, "copies": link.Copies,
		"bytes": p.batch.BodyBytes(), "sequence_number": link.Last, "cause": why, "elapsed_ms": took.Milliseconds()}).
		Info("link committed")
}

// countRejected counts the dead letters that were stored.
func (p *Pipeline) countRejected() {
	for reason, n := range p.rejected {
		p.cfg.Metrics.rejected.WithLabelValues(string(reason)).Add(float64(n))
	}
}
