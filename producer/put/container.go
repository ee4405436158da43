package put

import (
	"time"

	"example.com/callevents/shared/kpl"
)

// containerBytes is the size of a full container. It is the KPL's default. Larger ones save little, and more is lost or
// repeated with one of them.
const containerBytes = 50 * 1024

// containers has a container for each shard, in which records wait for others to share one entry.
type containers struct {
	linger   time.Duration
	maxBytes int
	ofQueue  map[*queue]*container
	nextDue  time.Time // no container is due before; zero: all are empty
}

// container collects the records of one shard for one entry.
type container struct {
	queue   *queue
	packer  *kpl.Aggregator
	records []Record
	begun   time.Time // when the first record was added
}

func newContainers(cfg Config) containers {
	const longestPartitionKey = 1024 // 256 characters of up to 4 bytes
	return containers{linger: cfg.Linger, maxBytes: max(0, min(containerBytes, cfg.MaxRecordBytes-longestPartitionKey)), ofQueue: map[*queue]*container{}}
}

// add packs a record. It returns the entries that are complete now: the container that had no room for the record, and
// the record itself if it is too large for any container.
func (c *containers) add(r Record, to *queue, now time.Time) (complete []*entry) {
	open := c.ofQueue[to]
	if open == nil {
		open = &container{queue: to, packer: kpl.NewAggregator(c.maxBytes)}
		c.ofQueue[to] = open
	}
	if !open.pack(r, now) {
		complete = open.close()
		if !open.pack(r, now) {
			return append(complete, newEntry(r, to))
		}
	}
	if c.nextDue.IsZero() {
		c.nextDue = now.Add(c.linger)
	}
	return complete
}

// due closes the containers that have waited for the linger time, or all of them, and returns their entries.
func (c *containers) due(now time.Time, all bool) (complete []*entry) {
	if c.nextDue.IsZero() || (now.Before(c.nextDue) && !all) {
		return nil
	}
	c.nextDue = time.Time{}
	for _, open := range c.ofQueue {
		if len(open.records) == 0 {
			continue
		}
		if at := open.begun.Add(c.linger); all || !now.Before(at) {
			complete = append(complete, open.close()...)
		} else {
			c.nextDue = earliest(c.nextDue, at)
		}
	}
	return complete
}

// oldest is when the oldest record was created; zero: there is none.
func (c *containers) oldest() (created time.Time) {
	for _, open := range c.ofQueue {
		if len(open.records) > 0 {
			created = earliest(created, open.records[0].Created)
		}
	}
	return created
}

// pack reports false if the container has no room for the record, or if its number does not follow: a container tells the
// number of its first record only, and whether that may be in the stream already.
//
// All records of a container carry the explicit hash key of the first one. So all of them belong to the shard that gets
// the container, also after a split. Readers do not store records of a container that belong to another shard.
func (c *container) pack(r Record, now time.Time) bool {
	key := r.To.ExplicitHashKey
	if n := len(c.records); n > 0 {
		key = c.records[0].To.ExplicitHashKey
		if last := c.records[n-1]; last.Event.ID.Plus(1) != r.Event.ID || last.To.Again != r.To.Again {
			return false
		}
	}
	if !c.packer.Add(r.Event.CallID, key, r.Event.JSON) {
		return false
	}
	if len(c.records) == 0 {
		c.begun = now
	}
	c.records = append(c.records, r)
	return true
}

// close returns the records as one entry, and none if there are none. A single record travels without a container.
func (c *container) close() []*entry {
	if len(c.records) == 0 {
		return nil
	}
	e := newEntry(c.records[0], c.queue)
	if data := c.packer.Flush(nil); len(c.records) > 1 {
		e.data, e.records = data, c.records
	}
	c.records = nil
	return []*entry{e}
}
