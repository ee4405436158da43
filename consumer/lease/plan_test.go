package lease // inside the package: the small types are not exported

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testStart = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// at is a time so many seconds into the test.
func at(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }

func manyShards(n int) (list []Shard) {
	for i := range n {
		list = append(list, Shard{ID: fmt.Sprintf("shardId-%012d", i)})
	}
	return list
}

func manyMembers(from, to int) (ids []string) {
	for i := range to - from {
		ids = append(ids, fmt.Sprintf("%08d", from+i))
	}
	return ids
}

// Workers come and go. The shares differ by one at most, and the moves are what must be: what leavers had, and what joiners need.
func TestPlansMoveTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "shards")
		l := newListing(manyShards(n), at(0))
		p := plan{read: at(1)}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			members := slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.SampledFrom(manyMembers(0, 9)), 1, 9, rapid.ID[string]).Draw(t, "members")))
			next := newPlan(int64(step), p.next(members, l), at(1))
			moved, must := 0, 0
			for shard, worker := range next.workers {
				if p.workers[shard] != worker {
					moved++
				}
			}
			has := map[string]int{}
			for _, s := range l.shards {
				if slices.Contains(members, p.workers[s.ID]) {
					has[p.workers[s.ID]]++
				} else {
					must++ // it has nobody
				}
			}
			// Who had most gets one more; what everybody has beyond its share moves.
			slices.SortStableFunc(members, func(a, b string) int { return has[b] - has[a] })
			for i, id := range members {
				share := n / len(members)
				if i < n%len(members) {
					share++
				}
				must += max(0, has[id]-share)
				if got := len(next.shares[id]); got < n/len(members) || got > (n+len(members)-1)/len(members) {
					t.Fatalf("%s has %d of %d shards, with %d workers", id, got, n, len(members))
				}
			}
			if moved != must || len(next.workers) != n {
				t.Fatalf("%d of %d shards, %d moved, %d must", len(next.workers), n, moved, must)
			}
			p = next
		}
	})
}

func TestPlansKeepWhatAnOlderListLacks(t *testing.T) {
	p := newPlan(1, map[string]string{"new": "a", "old": "a"}, at(10))
	for began, want := range map[int][]string{9: {"new", "old"}, 11: {"old"}} {
		next := p.next([]string{"a"}, newListing([]Shard{{ID: "old"}}, at(began)))
		if got := slices.Sorted(maps.Keys(next)); !slices.Equal(got, want) {
			t.Errorf("listed at %d s, planned at 10 s: %v, want %v", began, got, want)
		}
	}
}

func TestAChildGoesToTheReaderOfItsParent(t *testing.T) {
	l := newListing([]Shard{{ID: "1"}, {ID: "2"}, {ID: "3", Parents: []string{"2"}}, {ID: "4", Parents: []string{"1"}}, {ID: "5", Parents: []string{"gone"}}}, at(20))
	next := newPlan(1, map[string]string{"1": "a", "2": "b"}, at(10)).next([]string{"a", "b"}, l)
	if next["3"] != "b" || next["4"] != "a" || next["1"] != "a" || next["2"] != "b" || next["5"] == "" {
		t.Errorf("%v", next)
	}
}

// At the greatest size a plan takes less than 40 KB of the 400 KB that a row may have.
func TestAPlanIsPackedSmall(t *testing.T) {
	members, workers := manyMembers(0, 500), map[string]string{}
	for _, s := range manyShards(10_000) {
		workers[s.ID] = members[rand.IntN(len(members))]
	}
	p := newPlan(7, workers, at(0))
	packed := p.pack()
	t.Logf("%d bytes", len(packed))
	if again, err := unpackPlan(7, packed, at(0)); err != nil || !maps.Equal(again.workers, workers) || len(packed) > 40_000 {
		t.Errorf("%d bytes, %d shards, %v", len(packed), len(again.workers), err)
	}
	for _, bad := range [][]byte{nil, {0}, []byte("nonsense"), packed[:len(packed)/2]} {
		if p, err := unpackPlan(7, bad, at(0)); err == nil || p.workers != nil || p.version != 7 {
			t.Errorf("%d bytes of nonsense are a plan", len(bad))
		}
	}
}
