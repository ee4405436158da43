package put

import "time"

// backlog has the queues of all shards. Those with entries are served in turn.
type backlog struct {
	cfg     Config
	queues  map[string]*queue // by shard id; queues of closed shards stay: there are few, and they are small
	waiting []*queue          // those with entries; the first one is served first
}

func newBacklog(cfg Config) backlog { return backlog{cfg: cfg, queues: map[string]*queue{}} }

func (b *backlog) empty() bool { return len(b.waiting) == 0 }

// queue returns the queue of a shard.
func (b *backlog) queue(shardID string) *queue {
	q := b.queues[shardID]
	if q == nil {
		q = newQueue(shardID, b.cfg)
		b.queues[shardID] = q
	}
	return q
}

// add appends an entry to its queue.
func (b *backlog) add(e *entry) {
	e.queue.entries = append(e.queue.entries, e)
	e.queue.unsent += len(e.records)
	e.queue.waits(e.created())
	b.await(e.queue)
}

// putBack returns the failed entries of a call to the front of their queues, which then back off or not. It returns how
// many queues these are.
func (b *backlog) putBack(failed []*entry, backOff bool, now time.Time) (queues int) {
	perQueue := map[*queue][]*entry{}
	for _, e := range failed {
		perQueue[e.queue] = append(perQueue[e.queue], e)
	}
	for q, entries := range perQueue {
		q.putBack(entries, backOff, now)
		b.await(q)
	}
	return len(perQueue)
}

// await gives a queue its turn.
func (b *backlog) await(q *queue) {
	if !q.inBacklog {
		q.inBacklog = true
		b.waiting = append(b.waiting, q)
	}
}

// dropEmpty removes the queues that have no entries from those that wait.
func (b *backlog) dropEmpty() {
	kept := b.waiting[:0]
	for _, q := range b.waiting {
		if q.inBacklog = len(q.entries) > 0; q.inBacklog {
			kept = append(kept, q)
		}
	}
	b.waiting = kept
}

// fill moves entries into the batch, one of each queue in turn, until the batch is full or no shard may have more now.
func (b *backlog) fill(into *batch, now time.Time) {
	for moved := true; moved && !into.full; {
		moved = false
		for _, q := range b.waiting {
			if e := q.head(now); e != nil && into.fits(e) && q.pop(now) {
				into.add(e, now)
				moved = true
			}
		}
		b.dropEmpty()
	}
	if len(b.waiting) > 1 { // the next time another queue comes first
		b.waiting = append(b.waiting[1:], b.waiting[0])
	}
}

// nextOfEach removes and returns one entry of each queue that may send, n at most. Queues that were served go to the
// end, so that each gets its turn if there are more of them than calls.
func (b *backlog) nextOfEach(n int, now time.Time) (entries []*entry) {
	notServed, served := b.waiting[:0], []*queue(nil)
	for _, q := range b.waiting {
		e := q.head(now)
		if e == nil || len(entries) >= n || !q.pop(now) {
			notServed = append(notServed, q)
			continue
		}
		served = append(served, q)
		entries = append(entries, e)
	}
	b.waiting = append(notServed, served...)
	b.dropEmpty()
	return entries
}

// expired returns the entries that were created at or before limit. They stay in their queues.
func (b *backlog) expired(limit time.Time) (old []*entry) {
	for _, q := range b.waiting {
		old = append(old, q.expired(limit)...)
	}
	return old
}

// remove removes entries that expired has just returned. Others may have been added since, behind them.
func (b *backlog) remove(expired []*entry) {
	for _, e := range expired {
		e.queue.entries = e.queue.entries[1:]
	}
	b.dropEmpty()
}

// removeAll removes and returns all entries.
func (b *backlog) removeAll() (all []*entry) {
	for _, q := range b.waiting {
		all = append(all, q.entries...)
		q.entries = nil
	}
	b.dropEmpty()
	return all
}

// oldest is when the oldest record was created; zero: there is none.
func (b *backlog) oldest() (created time.Time) {
	for _, q := range b.waiting {
		created = earliest(created, q.entries[0].created())
	}
	return created
}

// nextReady is when the first queue that backs off, or has used up a limit, may send again; zero: there is none.
func (b *backlog) nextReady() (ready time.Time) {
	for _, q := range b.waiting {
		if !q.inCall {
			ready = earliest(ready, q.notBefore)
		}
	}
	return ready
}

// nextExpiry is when the first entry is older than the record TTL; zero: there is none.
func (b *backlog) nextExpiry() (expiry time.Time) {
	for _, q := range b.waiting {
		if b.cfg.RecordTTL > 0 && !q.inCall {
			expiry = earliest(expiry, q.entries[0].created().Add(b.cfg.RecordTTL))
		}
	}
	return expiry
}
