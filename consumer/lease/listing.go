package lease

import "time"

// listing is the stream's shards as they were listed. The zero value: they were not, yet.
type listing struct {
	shards  []Shard
	began   time.Time
	parents map[string][]string // of each listed shard, as far as they are listed
	closed  map[string]bool     // shards that have a child
}

func newListing(shards []Shard, began time.Time) listing {
	l := listing{shards: shards, began: began, parents: make(map[string][]string, len(shards)), closed: map[string]bool{}}
	for _, s := range shards {
		l.parents[s.ID] = nil
	}
	for _, s := range shards {
		for _, parent := range s.Parents {
			if l.has(parent) {
				l.parents[s.ID] = append(l.parents[s.ID], parent)
				l.closed[parent] = true
			}
		}
	}
	return l
}

func (l listing) has(shardID string) bool {
	_, listed := l.parents[shardID]
	return listed
}

// waitsFor returns the parents that have to be read to their end before the shard is read. A parent that is listed no more holds
// nobody up.
func (l listing) waitsFor(shardID string, finished map[string]bool) (unfinished []string) {
	for _, parent := range l.parents[shardID] {
		if !finished[parent] {
			unfinished = append(unfinished, parent)
		}
	}
	return unfinished
}
