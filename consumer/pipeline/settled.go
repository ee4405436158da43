package pipeline

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/memory"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
)

// copies judges the user records of one Kinesis record by their identity.
type copies struct {
	settled *memory.Memory
	id      identity.ID // of the first one; none: nothing is known
	again   bool        // the producer says that it may have sent them before
}

// identify says who a record is. A lane outside the shard says nothing: copies of its events may be in other shards.
func (p *Pipeline) identify(record *types.Record) copies {
	id, again := identity.Parse(aws.ToString(record.PartitionKey))
	switch {
	case id.None() || !p.batch.ByIdentity:
		return copies{}
	case !p.shard.HashKeys.Contains(id.HashKey()):
		p.cfg.Metrics.elsewhere.Inc()
		return copies{}
	}
	return copies{p.settled, id, again}
}

// settle notes that the n-th user record becomes a line or a dead letter, and reports whether its event has been one before.
func (c copies) settle(n int) (before bool) {
	id := c.id.Plus(n)
	return !id.None() && c.settled.Settle(id)
}

// remember puts the memory into the link. If rejected records depend on the memory that the batch began with, the link names the
// one that has it.
func (p *Pipeline) remember(nextDay string) {
	var before warehouse.Name
	if p.batch.Rejected() > 0 && p.settled.Told() && p.link != (warehouse.Link{}) {
		before = p.link.Name()
	}
	p.cfg.Store.Remember(p.batch, before, func(room int) string { return p.settled.Text(room, nextDay) })
}

// inherited is the memory that a batch begins with whose place no link leads to: a shard without links has its parents', and one
// whose newest link is before the checkpoint, since later ones are gone, that link's.
func (p *Pipeline) inherited(ctx context.Context, place warehouse.Place, older warehouse.Link, ok bool) (*memory.Memory, error) {
	from := []*memory.Memory{memory.Read(older.Memory, older.NextDay)}
	if !ok {
		var err error
		if from, err = p.ancestors(ctx, place.Shard, map[string]bool{}); err != nil {
			return nil, err
		}
	}
	return memory.Inherit(from, p.shard.HashKeys, place.Day), nil
}

// ancestors returns the memories of a shard's parents. A parent without a link has that of its own parents.
func (p *Pipeline) ancestors(ctx context.Context, shard string, seen map[string]bool) (known []*memory.Memory, err error) {
	if p.cfg.Parents == nil {
		return nil, nil
	}
	for _, parent := range p.cfg.Parents(shard) {
		if seen[parent] {
			continue
		}
		seen[parent] = true
		tip, ok, err := p.tip(ctx, parent, true)
		if err != nil {
			return nil, err
		}
		if ok {
			known = append(known, memory.Read(tip.Memory, tip.NextDay))
			continue
		}
		older, err := p.ancestors(ctx, parent, seen)
		if err != nil {
			return nil, err
		}
		known = append(known, older...)
	}
	return known, nil
}

// tip is the newest link of a shard. If it is for its memory alone, what a person must mend does not keep the shard from going on
// without.
func (p *Pipeline) tip(ctx context.Context, shard string, forMemory bool) (warehouse.Link, bool, error) {
	tip, ok, err := p.cfg.Store.Tip(ctx, shard)
	if !forMemory {
		return tip, ok, err
	}
	return p.readable(tip, ok, shard, err)
}

func (p *Pipeline) readable(link warehouse.Link, ok bool, what string, err error) (warehouse.Link, bool, error) {
	if errors.Is(err, warehouse.ErrFatal) || errors.Is(err, warehouse.ErrLocation) {
		p.log.WithError(err).WithField("of", what).Warn("memory not read, copies of settled events may be stored again")
		return warehouse.Link{}, false, nil
	}
	return link, ok, err
}

// memoryBefore is what the writer of a link began with, as far as it matters for the link's dead letters.
func (p *Pipeline) memoryBefore(ctx context.Context, link warehouse.Link) (known *memory.Memory, err error) {
	if link.Before == (warehouse.Name{}) {
		return memory.New(link.Day), nil
	}
	err = p.repeat(ctx, link.Before.Key(), func(int) error {
		before, ok, err := p.cfg.Store.Named(ctx, link.Before)
		if before, ok, err = p.readable(before, ok, link.Before.Key(), err); err != nil {
			return err
		}
		if !ok {
			p.log.WithFields(logrus.Fields{"object_key": link.Before.Key(), "sequence_number": link.Last}).
				Error("dead letters may be incomplete: the link before, which says which events were settled, is gone")
		}
		known = memory.Inherit([]*memory.Memory{memory.Read(before.Memory, before.NextDay)}, p.shard.HashKeys, link.Day)
		return nil
	})
	return known, err
}

// hashKeys are those of the user records that the batch takes for its shard's own.
func (p *Pipeline) hashKeys() hashkey.Range {
	if p.batch.AnyShard {
		return allHashKeys
	}
	return p.shard.HashKeys
}

// allHashKeys are those of a shard to which the stream may bring any record.
var allHashKeys = hashkey.Range{Last: hashkey.Max()}
