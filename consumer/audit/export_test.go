package audit

// ExpireIterators makes every shard need a new iterator, as after 5 minutes.
func (s *Stream) ExpireIterators() {
	for _, shard := range s.shards {
		shard.iterator = nil
	}
}
