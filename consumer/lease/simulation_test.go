package lease_test

import (
	"fmt"

	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
)

// event is what happens to a fleet in the simulation.
type event struct {
	name string
	do   func(s *simulation) (least int) // leases that have to move
	rest time.Duration                   // how long its units are counted
}

var events = []event{
	{"all start at once", (*simulation).startAll, time.Minute},
	{"at rest", func(s *simulation) int { time.Sleep(time.Minute); return 0 }, time.Minute},
	{"one joins", (*simulation).joinOne, 20 * time.Second},
	{"a third is killed", (*simulation).killThird, 30 * time.Second},
	{"they join again", (*simulation).joinThird, 30 * time.Second},
	{"rolling deploy of all", (*simulation).deploy, time.Minute},
	{"the table throttles 20 %", (*simulation).throttle, time.Minute},
	{"the table is deleted", (*simulation).deleteTable, 30 * time.Second},
	{"every shard is split", (*simulation).split, 2 * time.Minute},
}

// bounds of a size, which the figures must keep.
type bounds struct {
	shards, workers       int
	restWrites, restReads float64 // a second at rest, without checkpoints
}

// What no event may need more of in any second: a table that is billed on demand always gives 4,000 and 12,000 units.
const mostWrites, mostReads = 4000, 12_000

// The protocol at the sizes that it is for: DynamoDB's units at rest and in the dearest second of each event, how many leases
// move, and how long it takes. Every call takes 10 ms. Only the smallest size in the normal suite.
func TestSimulation(t *testing.T) {
	sizes := []bounds{
		{4, 2, 0.42, 1.4},
		{100, 10, 2.1, 12},
		{1000, 50, 10.5, 60},
		{1000, 100, 20.5, 120},
		{10_000, 500, 101, 700},
	}
	if !testenv.Long() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size.shards, " shards, ", size.workers, " workers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &simulation{cluster: newCluster(t, size.shards), bounds: size}
				s.table.latency = 10 * time.Millisecond
				if os.Getenv("CALLEVENTS_LOG") != "" {
					s.logs = os.Stdout
				}
				s.run()
				s.cluster.unwatchAll()
			})
		})
	}
}

type simulation struct {
	*cluster
	bounds
	next int
}

func (s *simulation) run() {
	for _, e := range events {
		if only := os.Getenv("CALLEVENTS_EVENTS"); only != "" && !strings.Contains(only, e.name) {
			continue
		}
		began, moved := s.table.usage.second(), s.acquisitions()
		started := time.Now()
		least := e.do(s)
		consumed, balanced := s.settle(started)
		moved = s.acquisitions() - moved
		time.Sleep(e.rest - time.Since(started))
		s.table.mu.Lock()
		reads, peakReads := between(s.table.usage.reads, began, s.table.usage.second())
		writes, peakWrites := between(s.table.usage.writes, began, s.table.usage.second())
		s.table.mu.Unlock()
		s.t.Logf("%-26s consumed %6.2fs balanced %6.2fs  moved %5d, least %5d  writes/s %7.1f peak %6.0f  reads/s %7.1f peak %6.0f",
			e.name, consumed.Seconds(), balanced.Seconds(), moved, least, writes, peakWrites, reads, peakReads)
		s.check(e.name, consumed, balanced, writes, peakWrites, reads, peakReads)
	}
	for _, fault := range append(s.faults, s.table.faults...) {
		s.t.Error(fault)
	}
}

func (s *simulation) check(name string, consumed, balanced time.Duration, writes, peakWrites, reads, peakReads float64) {
	if (peakWrites > mostWrites || peakReads > mostReads) && name != "the table is deleted" {
		s.t.Errorf("%s: more than %d writes or %d reads in a second", name, mostWrites, mostReads)
	}
	if name == "at rest" && (writes > s.restWrites || reads > s.restReads) {
		s.t.Errorf("at rest: more than %v writes or %v reads a second", s.restWrites, s.restReads)
	}
	if name == "one joins" && balanced > 2500*time.Millisecond {
		s.t.Errorf("one joins: balanced after %v", balanced)
	}
	limit := map[string]time.Duration{"all start at once": time.Minute, "a third is killed": 2*s.lease.Duration + 5*time.Second}[name]
	if limit > 0 && (consumed > limit || balanced > time.Minute) {
		s.t.Errorf("%s: consumed after %v, want %v", name, consumed, limit)
	}
}

// settle waits until every shard is consumed, and until the leases are balanced.
func (s *simulation) settle(started time.Time) (consumed, balanced time.Duration) {
	for waited := time.Now(); time.Since(waited) < 5*time.Minute; {
		loads, free := s.loads()
		if free == 0 && consumed == 0 {
			consumed = max(1, time.Since(started))
		}
		least, most := 1<<30, 0
		for _, n := range loads {
			least, most = min(least, n), max(most, n)
		}
		if free == 0 && most-least <= 1 {
			return consumed, max(1, time.Since(started))
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Error("not balanced after 5 minutes")
	s.tell()
	return consumed, 5 * time.Minute
}

func (s *simulation) join() {
	s.next++
	s.start(fmt.Sprint("w", s.next))
}

func (s *simulation) startAll() int {
	for range s.bounds.workers {
		s.join()
	}
	return s.bounds.shards
}

func (s *simulation) joinOne() int {
	s.join()
	return s.bounds.shards / (s.bounds.workers + 1)
}

func (s *simulation) killThird() (least int) {
	all := s.running()
	for _, w := range rand.Perm(len(all))[:max(1, s.bounds.workers/3)] {
		least += len(all[w].leases.Held())
		s.crash(all[w])
	}
	return least
}

func (s *simulation) joinThird() int {
	n := max(1, s.bounds.workers/3)
	for range n {
		s.join()
	}
	return s.bounds.shards * n / len(s.running())
}

// deploy replaces all workers within five minutes: a tenth after the other, or one after the other if there are few.
func (s *simulation) deploy() (least int) {
	all := s.running()
	for batch := range slices.Chunk(all, max(1, len(all)/50)) {
		for _, w := range batch {
			least += 2 * len(w.leases.Held())
			w.stopped.Go(func() { s.stop(w) })
			s.join()
		}
		time.Sleep(5 * time.Minute * time.Duration(len(batch)) / time.Duration(len(all)))
	}
	for _, w := range all {
		w.stopped.Wait()
	}
	return least / 2
}

func (s *simulation) throttle() int {
	s.table.disturb(noise(1, 0.2, 0))
	time.Sleep(time.Minute)
	s.table.disturb(nil, nil)
	return 0
}

func (s *simulation) deleteTable() int {
	s.excuse(s.lease.Duration / 2)
	s.table.replace(nil)
	time.Sleep(s.lease.Duration / 5)
	return s.bounds.shards
}

// split closes every shard. Its reader comes to the end, one shard after the other.
func (s *simulation) split() int {
	parents, _ := s.cluster.shards.List()
	all := parents
	for i, p := range parents {
		for j := range 2 {
			all = append(all, lease.Shard{ID: shardID(len(parents)*(j+1) + i), Parents: []string{p.ID}})
		}
	}
	s.cluster.shards.set(all)
	s.open = func(shard string) bool { return shard >= shardID(len(parents)) }
	for _, w := range s.running() {
		w.done.Go(func() {
			for _, l := range w.leases.Held() {
				time.Sleep(rand.N(3 * time.Second))
				_ = l.Finish(w.killed, "")
				s.finish1(l)
			}
		})
	}
	time.Sleep(10 * time.Second)
	return 2 * len(parents)
}

// tell logs which shards are not consumed.
func (s *simulation) tell() {
	list, _ := s.cluster.shards.List()
	loads, free := s.loads()
	s.t.Logf("%d free, %v", free, loads)
	for _, shard := range list {
		row := s.table.get(shard.ID)
		held := ""
		for _, w := range s.running() {
			if l := w.leases.Lease(shard.ID); l != nil {
				held += fmt.Sprintf(" %s as %s until %v", w.id(), l.Owner(), time.Until(l.Deadline()))
			}
		}
		if held == "" || strings.Contains(held, "until -") {
			s.t.Logf("%s: row %+v, owner's row %v, held%s; members %v", shard.ID, row, s.table.item(lease.WorkerPrefix+row.Owner), held, s.table.item(lease.MembersKey)["Ids"])
		}
	}
}
