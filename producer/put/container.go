package put

import (
	"time"

	"example.com/callevents/shared/kpl"
)

// containerBytes is the size of a full container; it is the KPL's default. Larger ones save little and make the
// loss or repetition of one dearer.
const containerBytes = 50 * 1024

// container collects records of one shard for one aggregated record.
type container struct {
	packer  *kpl.Aggregator
	records []Record
	since   time.Time // when the first of them was accepted
}

func newContainer(maxRecordBytes int) *container {
	const longestPartitionKey = 1024 // 256 characters of up to 4 bytes
	return &container{packer: kpl.NewAggregator(max(0, min(containerBytes, maxRecordBytes-longestPartitionKey)))}
}

// add packs a record and returns the units that are complete by that: the container that had no room for it, and
// the record itself if no container has.
//
// All records of a container carry the explicit hash key of its first. So they belong together to whichever child
// shard the container reaches after a split; readers drop what belongs elsewhere.
func (c *container) add(r Record, to *shard, now time.Time) (complete []*unit) {
	if c.pack(r, now) {
		return nil
	}
	complete = c.close(to)
	if !c.pack(r, now) {
		complete = append(complete, single(r, to, r.To.ExplicitHashKey))
	}
	return complete
}

func (c *container) pack(r Record, now time.Time) bool {
	key := r.To.ExplicitHashKey
	if len(c.records) > 0 {
		key = c.records[0].To.ExplicitHashKey
	}
	if !c.packer.Add(r.Event.CallID, key, r.Event.JSON) {
		return false
	}
	if len(c.records) == 0 {
		c.since = now
	}
	c.records = append(c.records, r)
	return true
}

// close returns what has been collected, if anything, as a unit. A single record travels as itself.
func (c *container) close(to *shard) []*unit {
	if len(c.records) == 0 {
		return nil
	}
	u := single(c.records[0], to, c.packer.ExplicitHashKey())
	if data := c.packer.Flush(nil); len(c.records) > 1 {
		u.data, u.records = data, c.records
	}
	c.records = nil
	return []*unit{u}
}
