package route

import (
	"math/rand/v2"

	"example.com/callevents/shared/identity"
)

// lanes has the lane of each shard of the map. A shard keeps its lane for as long as the map has the shard, so the numbers
// of a lane are in one shard, and after a split in one child.
type lanes struct {
	run uint64 // of the producer; zero: there are no lanes
	of  map[string]identity.Lane
}

// use makes the lanes of a new map. A shard whose range has no key for a lane gets none.
func (l *lanes) use(shards []Shard, random *rand.Rand) {
	if l.run == 0 {
		return
	}
	of := make(map[string]identity.Lane, len(shards))
	for _, s := range shards {
		if lane, kept := l.of[s.ID]; kept {
			of[s.ID] = lane
		} else if word, ok := s.HashKeys.DrawWord(random); ok {
			of[s.ID] = identity.Lane{Run: l.run, Word: word}
		}
	}
	l.of = of
}
