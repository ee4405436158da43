package lease_test

import (
	"fmt"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// shards is a fixed list of shards.
type shards struct {
	mu   sync.Mutex
	list []lease.Shard
	next []lease.Shard // what the next listing would say; nil: the same
}

func (s *shards) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		s.list, s.next = s.next, nil
	}
}

func (s *shards) List() ([]lease.Shard, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list, time.Now()
}

func (s *shards) set(list []lease.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
}

func shardID(i int) string { return fmt.Sprintf("shardId-%012d", i) }

func someShards(n int) (list []lease.Shard) {
	for i := range n {
		list = append(list, lease.Shard{ID: shardID(i)})
	}
	return list
}
