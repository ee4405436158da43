package pipeline

import (
	"context"
	"fmt"
	"time"

	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
)

// A checkpoint is a hint: the chain says where a shard goes on. It only bounds how many links the next owner has to list, 1,000 of
// which are one request.
const (
	checkpointEvery = time.Minute
	checkpointLinks = 500
)

// checkpoint notes the end of a link whose dead letters are stored, and stores it if the last checkpoint is long ago. It
// is the one step that may be left out. A link without records is no progress.
func (p *Pipeline) checkpoint(ctx context.Context, link warehouse.Link) error {
	if link.First.IsZero() {
		return nil
	}
	p.noted = &link
	p.links++
	if p.links < checkpointLinks && time.Since(p.stored) < checkpointEvery {
		return nil
	}
	return p.store(ctx)
}

// store stores the checkpoint that was noted, if there is one.
func (p *Pipeline) store(ctx context.Context) error {
	if p.noted == nil {
		return nil
	}
	p.stall.Waits(stall.DynamoDB)
	defer p.stall.Waits(stall.Nothing)
	if err := p.lease.Checkpoint(ctx, p.noted.Last, p.noted.NextDay); err != nil {
		return fmt.Errorf("checkpoint %s: %w", p.noted.Last, err)
	}
	p.noted, p.links, p.stored = nil, 0, time.Now()
	return nil
}
