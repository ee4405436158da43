package pipeline_test

import (
	"fmt"
	"slices"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/kpl"
)

// family is a shard with the names of its parents.
type family struct {
	pipeline.Shard
	parents []string
}

// shards are those of the stream, one after the other: two that are merged, and two splits after that.
var shards = []family{
	{pipeline.Shard{ID: shardID, HashKeys: ownKeys}, nil},
	{pipeline.Shard{ID: "shardId-000000000001", HashKeys: hashkey.Range{First: hashkey.FromWords(1<<63, 0), Last: hashkey.Max()}}, nil},
	{pipeline.Shard{ID: "shardId-000000000002", HashKeys: hashkey.Range{Last: hashkey.Max()}}, []string{shardID, "shardId-000000000001"}},
	{pipeline.Shard{ID: "shardId-000000000003", HashKeys: ownKeys}, []string{"shardId-000000000002"}},
	{pipeline.Shard{ID: "shardId-000000000004", HashKeys: hashkey.Range{Last: hashkey.FromWords(1<<62-1, ^uint64(0))}}, []string{"shardId-000000000003"}},
}

func parents(shard string) []string { return shards[indexOf(shard)].parents }

func indexOf(shard string) int {
	return slices.IndexFunc(shards, func(s family) bool { return s.ID == shard })
}

// lanes are those of the producer's run. The last one is never in the shard that its records come to.
var lanes = []identity.Lane{{Run: 7, Word: 1 << 60}, {Run: 7, Word: 1<<60 + 1}, {Run: 7, Word: 1<<62 + 1}, {Run: 8, Word: 1<<63 + 1}}

func (s *stream) holds(lane identity.Lane) bool {
	return shards[s.shard].HashKeys.Contains(lane.HashKey())
}

// accept gives new events their numbers, as the producer does, and returns the first of them.
func (s *stream) accept(lane identity.Lane, n int, rejected byte) int {
	last := uint64(0)
	for _, u := range s.users {
		if u.id.Lane == lane {
			last = max(last, u.id.Number)
		}
	}
	for i := range n {
		s.newUser(rejected>>i&1 == 1, identity.ID{Lane: lane, Number: last + 1 + uint64(i)})
	}
	return len(s.users) - n
}

// send puts events whose numbers follow each other: one as itself, several as a container.
func (s *stream) send(users []int, again bool) {
	id := s.users[users[0]].id
	if len(users) == 1 {
		s.append(id.Key(again), s.copy(users[0], 0, again))
		return
	}
	container := kpl.NewAggregator(1 << 20)
	for i, u := range users {
		container.Add("p", id.HashKey(), s.copy(u, i, again))
	}
	s.append(id.Key(again), container.Flush(nil))
}

// following returns a user and up to n whose numbers follow it.
func (s *stream) following(user, n int) []int {
	list := []int{user}
	for i := user + 1; i < len(s.users) && len(list) < n; i++ {
		if s.users[i].id == s.users[list[len(list)-1]].id.Plus(1) {
			list = append(list, i)
		}
	}
	return list
}

// known returns the events that the producer may send to the shard, oldest first.
func (s *stream) known() (users []int) {
	for i, u := range s.users {
		if !u.id.None() && s.holds(u.id.Lane) {
			users = append(users, i)
		}
	}
	return users
}

// first sends new events.
func (w *world) first(arg byte) {
	s, n := &w.stream, int(arg/8%4)+1
	if lane := lanes[arg%4]; s.holds(lane) {
		first := s.accept(lane, n, arg/32)
		w.log("-  put %v, and %d after it", s.users[first].id, n-1)
		s.send(s.following(first, n), false)
	}
}

// again sends events that may be in the stream. If the first attempt came to nothing, they are not.
func (w *world) again(arg byte) {
	s := &w.stream
	if known := s.known(); len(known) > 0 {
		users := s.following(known[len(known)-1-int(arg)%len(known)], int(arg/8%4)+1)
		w.log("-  put again %v, and %d after it", s.users[users[0]].id, len(users)-1)
		s.send(users, true)
	}
}

// oddly does what is rare: a first attempt that comes to nothing, or is applied after later ones, records with an identity that is
// not of this shard, or is none.
func (w *world) oddly(arg byte) {
	s := &w.stream
	known := s.known()
	switch {
	case arg%4 == 0:
		if lane := lanes[arg/4%4]; s.holds(lane) {
			w.log("-  lost %v", s.users[s.accept(lane, 1, arg/64)].id)
		}
	case arg%4 == 1 && len(known) > 0:
		u := known[int(arg/4)%len(known)]
		w.log("-  late %v", s.users[u].id)
		s.send([]int{u}, false)
	case arg%4 == 2 && !s.holds(lanes[3]):
		w.log("-  elsewhere")
		for range 2 {
			s.append("~1.9.3w5e11264sgsf.5.r", s.user(false, 0))
		}
	case arg%4 == 3:
		w.log("-  no identity")
		s.append(fmt.Sprintf("~1.7.0.%d.R", arg), s.user(false, 0))
	}
}

// reshard reads the shard to its end without faults and goes on with the next one.
func (w *world) reshard() error {
	if w.stream.shard == len(shards)-1 {
		return nil
	}
	late := w.network.late
	if err := w.readToTheEnd(); err != nil {
		return err
	}
	w.network.late = late
	w.past = append(w.past, w.stream)
	w.stream = stream{shard: w.stream.shard + 1, day: w.stream.day, users: w.stream.users}
	w.row, w.former = row{}, nil
	w.log("-  shard %d", w.stream.shard)
	return nil
}
