package lease_test

import (
	"fmt"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// shards is a fixed list of shards.
type shards struct {
	mu     sync.Mutex
	list   []lease.Shard
	at     time.Time
	frozen bool          // cannot be listed again
	next   []lease.Shard // what the next listing would say; nil: the same
}

func (s *shards) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		s.list, s.at, s.next = s.next, time.Now(), nil
	}
}

func (s *shards) List() ([]lease.Shard, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.frozen && time.Since(s.at) > 30*time.Second {
		s.at = time.Now()
	}
	return s.list, s.at
}

func (s *shards) set(list []lease.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.at = list, time.Now()
}

func shardID(i int) string { return fmt.Sprintf("shardId-%012d", i) }

func someShards(n int) (list []lease.Shard) {
	for i := range n {
		list = append(list, lease.Shard{ID: shardID(i)})
	}
	return list
}
